/** The launcher's, for processes that are started without it or cannot begin again (they have a channel to their parent). */
export const V8_FLAGS = ['--max-semi-space-size=16', '--heap-growing-percent=50'];
