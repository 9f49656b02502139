/** Two-way comparison of trees. */
export { compareTrees, type CompareOptions, type CompareResult } from './compare-trees.js';
export { COMPARED_FIELDS, type ComparedField, type Difference } from './difference.js';
