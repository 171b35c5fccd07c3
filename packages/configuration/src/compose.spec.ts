import { port } from '@groundwork/application';
import { CodedError } from '@groundwork/domain';
import { describe, expect, it } from '@jest/globals';
import { ContainerModule } from 'inversify';
import { compose, type Composition } from './compose.ts';

interface Oven {
  readonly heat: number;
}
const Oven = port<Oven>('Oven');
const Baker = port<{ readonly oven: Oven }>('Baker');
const Shop = port<{ readonly baker: { readonly oven: Oven } }>('Shop');
const Recipe = port<string>('Recipe');

const oven = new ContainerModule(({ bind }) => {
  bind<Oven>(Oven).toConstantValue({ heat: 220 });
});
const bakery = new ContainerModule(({ bind }) => {
  bind(Baker).toResolvedValue((its: Oven) => ({ oven: its }), [Oven]);
  bind(Shop).toResolvedValue((baker: { oven: Oven }) => ({ baker }), [Baker]);
});

async function refusal(composition: Omit<Composition, 'program'>): Promise<CodedError> {
  const app = await compose({ program: 'stand', ...composition }).catch((error: unknown) => error);
  if (app instanceof CodedError) return app;
  throw new Error(`The program was put together, or failed with ${String(app)}.`);
}

describe('compose', () => {
  it('gives every root from one instance each', async () => {
    await using app = await compose({ program: 'stand', modules: [bakery, oven], roots: [Shop] });
    expect(app.get(Shop).baker.oven).toBe(app.get(Oven));
  });

  it('names what is missing with the chain that asked for it, from a root', async () => {
    const { code, message, next } = await refusal({ modules: [bakery], roots: [Shop] });
    expect(next).toBe('Add a binding for Oven to a module, and the module to the program.');
    expect(code).toBe('composition.not-bound');
    expect(message).toContain('  Oven ← Baker ← Shop ← stand: Nothing is bound for Oven.');
  });

  it('finds what is missing though the program asks for nothing yet', async () => {
    expect((await refusal({ modules: [bakery] })).message).toContain('Oven ← Baker: Nothing is bound for Oven');
  });

  it('lists several gaps at once', async () => {
    const stand = new ContainerModule(({ bind }) => {
      bind(Shop).toResolvedValue(
        (_baker: unknown, _recipe: string) => ({ baker: { oven: { heat: 1 } } }),
        [Baker, Recipe],
      );
    });
    const { message } = await refusal({ modules: [stand], roots: [Shop, Oven] });
    expect(message).toContain('Baker ← Shop ← stand: Nothing');
    expect(message).toContain('Recipe ← Shop ← stand: Nothing');
    expect(message).toContain('Oven ← stand: Nothing');
  });

  it('makes nothing when something is missing', async () => {
    let made = 0;
    const eager = new ContainerModule(({ bind }) => {
      bind(Recipe).toResolvedValue(() => `recipe ${++made}`);
    });
    await refusal({ modules: [eager, bakery] });
    expect(made).toBe(0);
  });

  it('names a circle', async () => {
    const circle = new ContainerModule(({ bind }) => {
      bind(Oven).toResolvedValue((_shop: unknown) => ({ heat: 1 }), [Shop]);
    });
    const { code, message } = await refusal({ modules: [circle, bakery], roots: [Shop] });
    expect(code).toBe('composition.circular');
    expect(message).toContain('Shop ← Oven ← Baker ← Shop ← stand: Shop needs itself');
  });

  it('names a port that is bound twice where one is asked for', async () => {
    const second = new ContainerModule(({ bind }) => {
      bind<Oven>(Oven).toConstantValue({ heat: 1 });
    });
    const { code, message } = await refusal({ modules: [oven, second, bakery], roots: [Shop] });
    expect(code).toBe('composition.bound-twice');
    expect(message).toContain('Oven ← Baker ← Shop ← stand: Oven is bound 2 times where one is asked for');
  });

  it('lets a later module replace a binding', async () => {
    const replacement = new ContainerModule(({ rebind }) => {
      rebind<Oven>(Oven).toConstantValue({ heat: 1 });
    });
    await using app = await compose({ program: 'stand', modules: [oven, bakery, replacement], roots: [Shop] });
    expect(app.get(Shop).baker.oven.heat).toBe(1);
  });

  it('gives all that is bound for a port that many may offer, none included', async () => {
    const [one, two] = ['rye', 'oat'].map(
      (name) => new ContainerModule(({ bind }) => void bind<string>(Recipe).toConstantValue(name)),
    );
    await using full = await compose({ program: 'stand', modules: [one!, two!] });
    await using empty = await compose({ program: 'stand', modules: [oven] });
    expect(full.getAll(Recipe)).toEqual(['rye', 'oat']);
    expect(empty.getAll(Recipe)).toEqual([]);
  });

  it('waits for what is made asynchronously', async () => {
    const slow = new ContainerModule(({ bind }) => {
      bind<Oven>(Oven).toResolvedValue(() => Promise.resolve({ heat: 90 }));
    });
    await using app = await compose({ program: 'stand', modules: [slow, bakery], roots: [Shop] });
    expect(app.get(Shop).baker.oven.heat).toBe(90);
  });

  it('says which part could not be made, and closes what was open', async () => {
    const closed: string[] = [];
    const leaky = new ContainerModule(({ bind }) => {
      bind<Oven>(Oven)
        .toResolvedValue(() => ({ heat: 1 }))
        .onDeactivation(() => void closed.push('oven'));
      bind(Recipe).toResolvedValue(() => {
        throw new Error('illegible');
      });
    });
    const error = await refusal({ modules: [leaky] });
    expect(error).toMatchObject({ code: 'composition.not-made', message: 'Recipe could not be made: illegible' });
    expect(closed).toEqual(['oven']);
  });

  it('closes its parts once, and gives nothing afterwards', async () => {
    const closed: string[] = [];
    const closing = new ContainerModule(({ bind }) => {
      bind<Oven>(Oven)
        .toResolvedValue(() => ({ heat: 1 }))
        .onDeactivation(() => void closed.push('oven'));
    });
    const app = await compose({ program: 'stand', modules: [closing], roots: [Oven] });
    await app[Symbol.asyncDispose]();
    await app[Symbol.asyncDispose]();
    expect(closed).toEqual(['oven']);
    expect(() => app.get(Oven)).toThrow(expect.objectContaining({ code: 'composition.closed' }));
  });
});
