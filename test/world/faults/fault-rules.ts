interface Rule<Asked, Fault> {
  readonly matches: (asked: Asked) => boolean;
  readonly fault: Fault;
  left: number;
}

/** The pending faults; the first matching rule wins. */
export class FaultRules<Asked, Fault> {
  #rules: Rule<Asked, Fault>[] = [];

  add(matches: (asked: Asked) => boolean, fault: Fault, times = Number.POSITIVE_INFINITY): void {
    this.#rules.push({ matches, fault, left: times });
  }

  clear(): void {
    this.#rules = [];
  }

  /** The fault for this request, if any; decrements the rule's count. */
  next(asked: Asked): Fault | undefined {
    const rule = this.#rules.find(({ left, matches }) => left > 0 && matches(asked));
    if (rule) rule.left -= 1;
    return rule?.fault;
  }
}
