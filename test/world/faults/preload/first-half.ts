/**
 * The arguments with which the same call writes the first half of its bytes, strings in UTF-8;
 * undefined if there are no bytes to cut (an iterable, a stream). `args` begin with the data; the
 * caller keeps the preceding path or file descriptor.
 */
export function firstHalf(call: string, args: readonly unknown[]): unknown[] | undefined {
  const [data, ...rest] = args;
  if (call === 'writev')
    return isViews(data) ? [[cut(Buffer.concat(data.map(bytesOf)))], ...rest] : undefined;
  if (typeof data !== 'string' && !ArrayBuffer.isView(data)) return undefined;
  const bytes = typeof data === 'string' ? Buffer.from(data) : bytesOf(data);
  if (call !== 'write') return [cut(bytes), ...rest];
  // write(string, position), write(buffer, offset, length, position) or write(buffer, { offset,
  // length, position }).
  if (typeof data === 'string') return [cut(bytes), 0, null, rest[0] ?? null];
  const [first] = rest;
  const { offset, length, position } =
    typeof first === 'object' && first !== null
      ? { offset: undefined, length: undefined, position: undefined, ...first }
      : { offset: first, length: rest[1], position: rest[2] };
  const from = typeof offset === 'number' ? offset : 0;
  const wanted = bytes.subarray(from, typeof length === 'number' ? from + length : undefined);
  return [cut(wanted), 0, null, position ?? null];
}

function cut(bytes: Buffer): Buffer {
  return bytes.subarray(0, Math.floor(bytes.length / 2));
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function isViews(data: unknown): data is ArrayBufferView[] {
  return Array.isArray(data) && data.every((view) => ArrayBuffer.isView(view));
}
