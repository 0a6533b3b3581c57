/** Bytes of a body that a client may send ahead (RFC 9113 §5.2), where HAProxy does not find that out for itself. */
const H2_WINDOW = 1_048_576;

/**
 * How much of a request's body clients of HTTP/2 may send ahead, as words for the global section. Every HAProxy grants a stream more for what it has
 * received, whether or not the app has read it, and once it has no room left for one stream it reads nothing more of the connection,
 * whatever the window is. From 3.1 on there is room for a hundred buffers, and the window follows it. Before, there is room for one, and an upload
 * gets a window in each round trip: the 64 kB of the default are 650 kB/s at 100 ms, for which users would miss HTTP/1.1.
 */
export const h2Windows: readonly string[] = [
  '.if !version_atleast(3.1)',
  '.if version_atleast(2.9)',
  `tune.h2.fe.initial-window-size ${H2_WINDOW}`,
  '.else',
  `tune.h2.initial-window-size ${H2_WINDOW}`,
  '.endif',
  '.endif',
];
