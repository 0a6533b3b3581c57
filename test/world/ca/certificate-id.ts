import type { X509Certificate } from 'node:crypto';

/**
 * The ARI identifier of a certificate (RFC 9773 §4.1): the authority key identifier and the serial
 * number, each in base64url.
 */
export function certificateId(certificate: X509Certificate): string {
  // OCTET STRING of SEQUENCE of [0] (RFC 5280 §4.2.1.1), here of 20 bytes, after the extension's
  // OID 2.5.29.35.
  const at = certificate.raw.indexOf(Buffer.from('0603551d23', 'hex'));
  const keyLength = certificate.raw[at + 10] ?? 0;
  const key = certificate.raw.subarray(at + 11, at + 11 + keyLength);
  const serial = Buffer.from(certificate.serialNumber, 'hex');
  const signed = isPadded(serial) ? Buffer.concat([Buffer.of(0), serial]) : serial;
  return `${key.toString('base64url')}.${signed.toString('base64url')}`;
}

/**
 * Whether Pebble finds the certificate that an order replaces. For one certificate in 256 it does
 * not: Pebble (2.10) compares the identifier's serial number with one that lacks DER's zero byte,
 * refuses the order with a serverInternal problem, and accepts it without `replaces`.
 */
export function isReplaceableAtPebble(certificate: X509Certificate): boolean {
  return !isPadded(Buffer.from(certificate.serialNumber, 'hex'));
}

/** Whether DER prepends a zero byte to a serial number, because its first bit is set. */
function isPadded(serial: Buffer): boolean {
  return (serial[0] ?? 0) >= 0x80;
}
