// Makes the handlers of projections fail at one event, as POISON says: they `throw`, `hang` for ever, or `stall` in a
// call that only the end of the process ends.
import { Projection, type RecordedEvent } from '@groundwork/application';
import { ContainerModule } from 'inversify';
import { execFileSync } from 'node:child_process';

// Nobody ends the program that is called: it has to be over soon after the process.
const STALLED_S = '4';

const { POISON: how, POISONED_STREAM: id, POISONED_VERSION: version } = process.env;

function poison(event: RecordedEvent): void {
  if (event.stream.id !== id || event.streamVersion !== Number(version)) return;
  process.stdout.write(`An attempt began: ${performance.now()}\n`);
  if (how === 'stall') execFileSync('sleep', [STALLED_S]);
  if (how === 'throw') throw new TypeError('The handler cannot read it.');
  for (;;);
}

export const poisonModule = new ContainerModule(({ onActivation }) => {
  onActivation<Projection>(Projection, (_, projection) => ({
    ...projection,
    apply: (row, event) => (poison(event), projection.apply(row, event)),
  }));
});
