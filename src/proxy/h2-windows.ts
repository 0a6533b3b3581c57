/** Bytes of a body that a client may send ahead (RFC 9113 §5.2), where HAProxy does not find that out for itself. */
const H2_WINDOW = 262_144;

/**
 * How much of a request's body clients of HTTP/2 may send ahead, as words for the global section. From 3.1 on HAProxy offers each stream what it
 * has buffers for, and no stream stops another. Before, it grants more whatever becomes of what it has, so that at any window a body that the
 * app does not read stops its whole connection; one that the app reads slowly does so for longer, the larger the window is. But an upload gets
 * no more than a window in each round trip: the 64 kB of the default are 650 kB/s at 100 ms.
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
