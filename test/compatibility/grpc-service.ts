import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

const text = { encode: (words: string) => Buffer.from(words), decode: (bytes: Buffer) => bytes.toString() };

function method(
  name: string,
  requestStream: boolean,
  responseStream: boolean,
): MethodDefinition<string, string> {
  return {
    ...{ path: `/test.Words/${name}`, requestStream, responseStream },
    ...{ requestSerialize: text.encode, requestDeserialize: text.decode },
    ...{ responseSerialize: text.encode, responseDeserialize: text.decode },
  };
}

/** A service with one method of each kind that the tests need. Its messages are texts. */
export const words = {
  /** Responds with the request's message. */
  echo: method('Echo', false, false),
  /** Responds with each word of a sentence, then leaves the stream open. */
  split: method('Split', false, true),
  /** Responds to each message with the same message. */
  chat: method('Chat', true, true),
  /** Never responds. */
  hang: method('Hang', false, false),
} satisfies ServiceDefinition;
