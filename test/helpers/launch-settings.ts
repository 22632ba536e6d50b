/** What bin/upriver.js gives to Node, for processes that cannot begin again by themselves (they have a channel to a parent). */
export const V8_FLAGS = ['--max-semi-space-size=16'];
/** For those that are started without it altogether. */
export const ALL_V8_FLAGS = [...V8_FLAGS, '--heap-growing-percent=50'];
export const MALLOC_ENV = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '131072',
};
