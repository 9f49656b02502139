/** The one place that starts programs. */
export type { Arg, Command, ExitStatus } from './command.js';
export { activeChildren, killAll, type ActiveChild } from './active-children.js';
export { tailText, type BoundedOutput } from './bounded-output.js';
export { runAttached } from './attached.js';
export { hasPdeathsig, hasProgram, resolveProgram } from './launch.js';
export { setNiceness, type Niceness } from './niceness.js';
export { useLauncher } from './launcher/launcher.js';
export { startPipeline, type Pipeline, type PipelineOptions, type StageResult } from './pipeline.js';
export { inDirectory } from './in-directory.js';
export { findMarked, WORK_MARK } from './marked.js';
export { signsOfLife } from './signs-of-life.js';
export { describeStatus, run, type RunOptions, type RunResult } from './run.js';
export { startGuarded, type GuardedChild, type GuardedExit, type GuardedOptions } from './guarded.js';
export { runSequence, type SequenceStep } from './sequence.js';
export { continueStrays, findStrays, STAGING_MARK, type Stray } from './strays.js';
export { abortWhenSettled, sleepUnless, tailFile } from './tail-file.js';
