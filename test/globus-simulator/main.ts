// The simulator as a process of its own: `node main.js OPTIONS.json`. Prints its address when it is ready; SIGTERM ends it cleanly, SIGKILL loses nothing.
import { readFileSync } from 'node:fs';
import type { SimulatorOptions } from './options.js';
import { startGlobusSimulator } from './simulator.js';

const [, , file = ''] = process.argv;
const simulator = await startGlobusSimulator(JSON.parse(readFileSync(file, 'utf8')) as SimulatorOptions);
process.once('SIGTERM', () => {
  void simulator.close();
});
process.stdout.write(`${simulator.url}\n`);
