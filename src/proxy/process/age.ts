/**
 * What users should know of an HAProxy that is older than the image's, by the version that it tells of itself; undefined when there is
 * nothing.
 */
export function retryWarning(version: string): string | undefined {
  const [, major] = /^(\d+)\./.exec(version) ?? [];
  if (major === undefined || Number(major) >= 3) return undefined;
  return (
    `when the app breaks off at a request, HAProxy ${version} leaves it to the client to send it again, a POST too, ` +
    'so that the app may execute it twice: HAProxy 3.0 or newer answers 502 (set HAPROXY_BIN to one)'
  );
}
