import { request } from 'node:http';

/**
 * Asks the older guest agent for its `Info`. The SDK asks it at the newer agent's path, which it does not have. Resolves
 * with the parsed body; rejects when there is none, or with the signal's reason.
 */
export async function askTappdInfo(socketPath: string, signal: AbortSignal): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const headers = { 'Content-Type': 'application/json' };
  const asking = request({ socketPath, path: '/prpc/Tappd.Info', method: 'POST', headers, signal });
  asking.on('error', (thrown) => reject(signal.aborted ? signal.reason : thrown));
  asking.on('response', async (response) => {
    try {
      const text = (await response.setEncoding('utf8').toArray()).join('');
      resolve(JSON.parse(text));
    } catch (thrown) {
      reject(thrown);
    }
  });
  asking.end('{}');
  return promise;
}
