/**
 * A directory URL (RFC 8555 §7.1.1) as the name of a folder: its host and path, as `acme-v02.api.letsencrypt.org_directory`. Others have
 * other names. Pure.
 */
export function directorySlug(directoryUrl: string): string {
  const { host, pathname } = new URL(directoryUrl);
  const parts = [host, ...pathname.split('/').filter(Boolean)];
  return parts.map((part) => part.replaceAll('_', '%5F')).join('_');
}
