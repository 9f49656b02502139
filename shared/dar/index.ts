/** All that is known of dar: its arguments, exit codes, messages, listings, and files. */
export { archiveKey } from './archive-key.js';
export { isolateCatalogue, testArchive, type ArchiveOptions } from './archive-commands.js';
export { assertDarSupports, probeDar, type CompressionAlgorithm, type DarCapabilities } from './capabilities.js';
export { hideGnupgFromDar } from './command.js';
export type { CatalogueEntry } from './catalogue-parser.js';
export { startCreate, type CreateOutcome, type CreateSpec, type DarCreate } from './create.js';
export { createSmall, type SmallArchive, type SmallSpec } from './create-small.js';
export { stagingIsFull, type CreateMeaning } from './exit-codes.js';
export { extract, type ExtractOutcome, type ExtractPass, type ExtractSpec } from './extract.js';
export { listCatalogue } from './list-catalogue.js';
export { sliceRange, slicesHolding } from './list-slices.js';
export { readProgress, type DarProgress } from './progress.js';
export type { SliceSource } from './slice-hook.js';
export { hashFile, sliceFile, sliceNumbers } from './slice-files.js';
export { testSlicesFrom } from './test-slices.js';
export { rehash, slicesOf, watchSlices, type CompleteSlice, type WatchSlicesOptions } from './watch-slices.js';
