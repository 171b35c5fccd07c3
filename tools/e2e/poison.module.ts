// Makes the handlers of all projections fail at one event, as POISON says: `throw`, or `hang` for ever.
import { Projection, type RecordedEvent } from '@groundwork/application';
import { ContainerModule } from 'inversify';

const { POISON: how, POISONED_STREAM: id, POISONED_VERSION: version } = process.env;

function poison(event: RecordedEvent): void {
  if (event.stream.id !== id || event.streamVersion !== Number(version)) return;
  process.stdout.write(`An attempt began: ${performance.now()}\n`);
  if (how === 'throw') throw new TypeError('The handler cannot read it.');
  for (;;);
}

export const poisonModule = new ContainerModule(({ onActivation }) => {
  onActivation<Projection>(Projection, (_, projection) => ({
    ...projection,
    apply: (row, event) => (poison(event), projection.apply(row, event)),
  }));
});
