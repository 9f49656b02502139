import { Writable } from 'node:stream';
import type { DestinationStream } from 'pino';
import pinoPretty from 'pino-pretty';

/** Lines for people in front of a destination, made in this process: worker-thread transports lose the last lines of a crash. */
export function pretty(destination: DestinationStream, colorize: boolean): DestinationStream {
  const sink = new Writable({
    decodeStrings: false,
    write: (text: string | Buffer, _encoding, done) => {
      destination.write(String(text));
      done();
    },
  });
  return pinoPretty({ destination: sink, colorize, sync: true, ignore: 'pid,host', translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l', singleLine: true });
}
