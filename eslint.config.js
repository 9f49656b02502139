// Layers of the design (README "Layout"): data flows one way, and a rule says so.
import tseslint from 'typescript-eslint';
import importX from 'eslint-plugin-import-x';

const layer = (files, forbidden) => ({
  files,
  rules: {
    'no-restricted-imports': ['error', { patterns: forbidden.map(([group, message]) => ({ group, message })) }],
  },
});
const SPAWN = [['child_process', 'node:child_process', 'execa'], 'only shared/process starts programs'];
const TESTS = [['**/test/**'], 'test helpers never enter the product'];

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'eslint.config.js'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    rules: {
      'import-x/no-cycle': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      'max-lines': ['error', 400],
      'no-console': 'error',
      'no-restricted-properties': ['error', { object: 'AbortSignal', property: 'timeout', message: 'combined with others it is collected as garbage on Node 20 and never fires: shared/signals' }],
      eqeqeq: 'error',
    },
  },
  layer(['shared/**/*.ts'], [[['**/producer/**', '**/worker/**', '**/bin/**'], 'shared imports neither side'], SPAWN, TESTS]),
  layer(['shared/process/**/*.ts'], [[['**/producer/**', '**/worker/**', '**/bin/**'], 'shared imports neither side'], TESTS]),
  layer(['producer/**/*.ts'], [[['**/worker/**', '**/bin/**'], 'producer and worker meet in Redis and the catalog only'], SPAWN, TESTS]),
  layer(['worker/**/*.ts'], [[['**/producer/**', '**/bin/**'], 'producer and worker meet in Redis and the catalog only'], SPAWN, TESTS]),
  layer(['bin/**/*.ts'], [SPAWN, TESTS]),
  // The rule's resolver does not know `vitest/node`; nothing imports this file.
  { files: ['vitest.config.ts'], rules: { 'import-x/no-cycle': 'off' } },
);
