export { checkCommand, registerConfigCommands, showCommand, type Terminal } from './commands.js';
export { addConfigOptions, configRequest, type ConfigOptions } from './config-options.js';
export { checkOutput, showOutput } from './outputs.js';
