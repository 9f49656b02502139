export { BasepathRegistry, readBasepaths, readBasepathsAt, type Assigned } from './basepath-registry.js';
export type { BasepathRecord, Finding, FoundBasepath } from './basepath-state.js';
export { proposeRenames } from './propose-renames.js';
export { proposeId } from './propose-id.js';
