// A port and its key share one name: the interface for the compiler, the key for the container.

/** A key that remembers the interface it stands for, because interfaces vanish when compiled. */
export type Port<T> = symbol & { readonly __serves?: T };

/** Makes the key of a port. The same name always gives the same key. */
export const port = <T>(name: string): Port<T> => Symbol.for(`groundwork.${name}`) as Port<T>;
