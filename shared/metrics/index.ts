export { BoundedCall } from './bounded-call.js';
export type { BasepathAge, BasepathAges } from './ages.js';
export { createMetrics, type Metrics, type MetricsOptions, type StagingUse } from './metrics.js';
export type { DarOperation, JobOutcome, Level } from './recorders.js';
export type { TaskFigures } from './tasks.js';
export type { CountedQueue } from './queue-counts.js';
