// The Clock port: the machine's own time.
import type { Clock } from '@groundwork/application';

export class SystemClock implements Clock {
  now(): Date {
    return new Date();
  }
}
