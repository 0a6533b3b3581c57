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

/** A service with one method of each kind that the tests need; its messages are texts. */
export const words = {
  /** Answers with the same. */
  echo: method('Echo', false, false),
  /** Answers with each word of a sentence, then stays open. */
  split: method('Split', false, true),
  /** Answers each message with the same. */
  chat: method('Chat', true, true),
  /** Never answers. */
  hang: method('Hang', false, false),
} satisfies ServiceDefinition;
