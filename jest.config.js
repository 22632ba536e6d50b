/** Jest runs the TypeScript sources as ES modules; types are checked by `npm run types`. */
import { availableParallelism } from 'node:os';

export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/.upriver'],
  watchman: false,
  // Many tests start servers and mostly wait for them, so there may be one more than cores; beyond four they need too much memory.
  maxWorkers: Math.min(availableParallelism() + 1, 4),
  testTimeout: 240_000,
};
