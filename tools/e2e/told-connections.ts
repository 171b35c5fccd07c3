// Loaded into every process of a product before anything else: notes each address that it connects to, in a file.
import { appendFileSync } from 'node:fs';
import { Socket } from 'node:net';

const file = process.env['TOLD_CONNECTIONS']!;
const connect = Socket.prototype.connect as (...args: unknown[]) => Socket;

Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
  this.on('connectionAttempt', (address: string, port: number) => appendFileSync(file, `${address}:${port}\n`));
  return connect.apply(this, args);
} as typeof Socket.prototype.connect;
