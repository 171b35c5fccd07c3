// A fact that a model states: what happened, with the data that makes it complete.

/** `type` is a qualified past tense such as `ClientCreated`; `data` must survive a round trip through JSON. */
export interface DomainEvent<Type extends string = string, Data = unknown> {
  readonly type: Type;
  readonly data: Data;
}
