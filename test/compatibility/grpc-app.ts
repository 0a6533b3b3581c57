import process from 'node:process';
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { words } from './grpc-service.ts';

/**
 * A gRPC server as a separate program, so that it can be killed: `grpc-app.ts PORT`. It prints the
 * calls that it receives.
 */

const server = new Server();
server.addService(words, {
  echo: ({ request }: ServerUnaryCall<string, string>, answer: sendUnaryData<string>) =>
    answer(null, request),
  split: (call: ServerWritableStream<string, string>) => {
    for (const word of call.request.split(' ')) call.write(word);
  },
  chat: (call: ServerDuplexStream<string, string>) => {
    call.on('data', (message: string) => call.write(message));
    call.on('end', () => call.end());
  },
  hang: (call: ServerUnaryCall<string, string>) => {
    console.log(`hanging: ${call.request}`);
    call.on('cancelled', () => console.log(`cancelled: ${call.request}`));
  },
});
server.bindAsync(`127.0.0.1:${process.argv[2]}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  console.log('listening');
});
