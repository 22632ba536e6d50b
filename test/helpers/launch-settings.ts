/** What bin/upriver.js gives to Node, for processes that are started without it or cannot begin again (they have a channel to a parent). */
export const V8_FLAGS = ['--max-semi-space-size=16', '--heap-growing-percent=50'];
export const MALLOC_ENV = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '131072',
};
