// Which binding asks for which: recorded while modules load, so that a gap is found and named before anything is made.
import { Misconfigured } from '@groundwork/application';
import { ContainerModule, LazyServiceIdentifier, type BindToFluentSyntax, type ServiceIdentifier } from 'inversify';

interface Need {
  readonly key: ServiceIdentifier;
  readonly multiple: boolean;
  readonly optional: boolean;
}

type Bind = <T>(key: ServiceIdentifier<T>) => BindToFluentSyntax<T>;
type InjectOption = ServiceIdentifier | LazyServiceIdentifier | InjectOptions;
interface InjectOptions {
  readonly serviceIdentifier: ServiceIdentifier | LazyServiceIdentifier;
  readonly isMultiple?: boolean;
  readonly optional?: boolean;
}

/** `chain` leads from the thing that is not right to the program that needs it. */
interface Gap {
  readonly code: string;
  readonly happened: string;
  readonly next: string;
  readonly chain: readonly string[];
}

export class BindingGraph {
  readonly #bindings = new Map<ServiceIdentifier, (readonly Need[])[]>();

  /** The same module, whose bindings are noted here while it loads. */
  noting(module: ContainerModule): ContainerModule {
    return new ContainerModule((options) =>
      module.load({
        ...options,
        bind: (key) => this.#noted(key, options.bind),
        rebind: (key) => {
          this.#bindings.delete(key);
          return this.#noted(key, options.rebind);
        },
      }),
    );
  }

  get keys(): readonly ServiceIdentifier[] {
    return [...this.#bindings.keys()];
  }

  /** Throws Misconfigured with every missing, ambiguous or circular binding, each with the chain that asked for it. */
  refuseGaps(program: string, roots: readonly ServiceIdentifier[]): void {
    const gaps = new Map<string, Gap>();
    const settled = new Set<ServiceIdentifier>();
    const rootNeeds = roots.map((key) => ({ key, multiple: false, optional: false }));
    // The program's own needs come first, so that a chain starts where the reader starts.
    for (const need of rootNeeds) this.#follow(need, [program], settled, gaps);
    for (const key of this.keys) this.#follow({ key, multiple: true, optional: true }, [], settled, gaps);
    if (gaps.size > 0) throw misconfigured([...gaps.values()]);
  }

  #noted<T>(key: ServiceIdentifier<T>, bind: Bind): BindToFluentSyntax<T> {
    const note = (needs: readonly Need[]): void => {
      this.#bindings.set(key, [...(this.#bindings.get(key) ?? []), needs]);
    };
    return new Proxy(bind<T>(key), {
      get(syntax, to) {
        const member: unknown = Reflect.get(syntax, to, syntax);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown => {
          note(needsOf(String(to), args));
          return member.apply(syntax, args);
        };
      },
    });
  }

  #follow(need: Need, askers: readonly string[], settled: Set<ServiceIdentifier>, gaps: Map<string, Gap>): void {
    const name = nameOf(need.key);
    const chain = [name, ...askers];
    const found = this.#bindings.get(need.key) ?? [];
    const report = (code: string, happened: string, next: string): void => {
      const id = `${code} ${name} ${askers[0] ?? ''}`;
      if (!gaps.has(id)) gaps.set(id, { code, happened, next, chain });
    };
    if (found.length === 0 && !need.optional && !need.multiple) {
      return report(
        'composition.not-bound',
        `Nothing is bound for ${name}.`,
        `Add a binding for ${name} to a module, and the module to the program.`,
      );
    }
    if (found.length > 1 && !need.multiple) {
      report(
        'composition.bound-twice',
        `${name} is bound ${found.length} times where one is asked for.`,
        `Keep one binding for ${name}; a module that means to replace another's uses rebind.`,
      );
    }
    if (askers.includes(name)) {
      return report(
        'composition.circular',
        `${name} needs itself.`,
        'Break the circle: let one of the chain ask later.',
      );
    }
    if (settled.has(need.key)) return;
    for (const needs of found) for (const next of needs) this.#follow(next, chain, settled, gaps);
    settled.add(need.key);
  }
}

/** How a port is called: `EventStore` for `Symbol(groundwork.EventStore)`. */
export function nameOf(key: ServiceIdentifier): string {
  const name = typeof key === 'symbol' ? key.description : typeof key === 'string' ? key : key.name;
  return (name ?? 'a nameless key').replace(/^groundwork\./, '');
}

function needsOf(to: string, args: readonly unknown[]): readonly Need[] {
  if (to === 'toService') return [needOf(args[0] as InjectOption)];
  return to === 'toResolvedValue' ? ((args[1] ?? []) as InjectOption[]).map(needOf) : [];
}

function needOf(option: InjectOption): Need {
  if (LazyServiceIdentifier.is(option)) return { key: option.unwrap(), multiple: false, optional: false };
  if (typeof option !== 'object') return { key: option as ServiceIdentifier, multiple: false, optional: false };
  const { serviceIdentifier, isMultiple = false, optional = false } = option as InjectOptions;
  return { key: needOf(serviceIdentifier).key, multiple: isMultiple, optional };
}

function misconfigured(gaps: readonly Gap[]): Misconfigured {
  const lines = gaps.map(({ happened, chain }) => `  ${chain.join(' ← ')}: ${happened}`);
  return new Misconfigured(
    gaps[0]!.code,
    `The program cannot be put together:\n${lines.join('\n')}`,
    [...new Set(gaps.map(({ next }) => next))].join(' '),
    { gaps: gaps.map(({ code, chain }) => ({ code, chain })) },
  );
}
