// Puts a program together from modules, completely or not at all.
import 'reflect-metadata'; // Inversify asks for it, though nothing here is decorated.
import { Misconfigured, type Port } from '@groundwork/application';
import { CodedError } from '@groundwork/domain';
import { Container, type ContainerModule, type ServiceIdentifier } from 'inversify';
import { BindingGraph, nameOf } from './binding-graph.ts';

/** What a module binds under: a port, or the class itself where there is nothing to replace. */
export type Key<T> = Port<T> | (abstract new (...args: never[]) => T);

export interface Composition {
  /** Which program this is; messages name it. */
  readonly program: string;
  readonly modules: readonly ContainerModule[];
  /** What the program itself takes out of the container, but for ports of which there may be none. */
  readonly roots?: readonly Key<unknown>[];
}

/** A program that is put together. Disposing of it closes what its modules opened; twice is harmless. */
export interface App extends AsyncDisposable {
  get<T>(key: Key<T>): T;
  /** All that modules bound under the key, none included. */
  getAll<T>(key: Key<T>): T[];
}

/**
 * Loads the modules and makes every binding once, before any port is opened. Throws Misconfigured naming each binding
 * that is missing (`composition.not-bound`), ambiguous (`composition.bound-twice`) or circular
 * (`composition.circular`) with the chain that asked for it; nothing stays open behind it.
 */
export async function compose({ program, modules, roots = [] }: Composition): Promise<App> {
  const container = new Container({ defaultScope: 'Singleton' });
  const graph = new BindingGraph();
  await container.loadAsync(...modules.map((module) => graph.noting(module)));
  const app = new ComposedApp(container);
  try {
    graph.refuseGaps(program, roots as readonly ServiceIdentifier[]);
    for (const key of graph.keys) await made(container, key);
    return app;
  } catch (error) {
    await app[Symbol.asyncDispose]();
    throw error;
  }
}

class ComposedApp implements App {
  readonly #container: Container;
  #closed = false;

  constructor(container: Container) {
    this.#container = container;
  }

  get<T>(key: Key<T>): T {
    const identifier = this.#openIdentifier(key);
    if (this.#container.isBound(identifier)) return this.#container.get(identifier);
    throw new Misconfigured(
      'composition.not-bound',
      `Nothing is bound for ${nameOf(identifier)}.`,
      'Add a binding for it to a module, and name it among the roots so that the start finds the gap.',
    );
  }

  getAll<T>(key: Key<T>): T[] {
    return this.#container.getAll(this.#openIdentifier(key));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#container.unbindAllAsync();
  }

  #openIdentifier<T>(key: Key<T>): ServiceIdentifier<T> {
    if (!this.#closed) return key as ServiceIdentifier<T>;
    throw new Misconfigured(
      'composition.closed',
      `${nameOf(key as ServiceIdentifier)} was asked for after the program had been closed.`,
      'Take what you need out of the program before it stops.',
    );
  }
}

async function made(container: Container, key: ServiceIdentifier): Promise<void> {
  try {
    await container.getAllAsync(key);
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw new Misconfigured(
      'composition.not-made',
      `${nameOf(key)} could not be made: ${error instanceof Error ? error.message : String(error)}`,
      'Look at the cause; the factory is in the module that binds it.',
      {},
      { cause: error },
    );
  }
}
