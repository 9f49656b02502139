/** Plain text for people: numbers, tables, progress. */
export { formatAge, formatByteRate, formatBytes, formatCount, formatCountRate, formatDuration } from './numbers.js';
export { createProgress, progressLine, type Progress, type ProgressOutput, type ProgressState } from './progress.js';
export { displayWidth, paintFor, plain, type Paint, type Tone } from './style.js';
export { facts, table, type Column } from './table.js';
