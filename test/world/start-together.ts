/**
 * Waits for parts that are starting at the same time. When one fails, the others are ended as soon as they have
 * started, and the failure is thrown.
 */
export async function startTogether<Parts extends readonly AsyncDisposable[]>(
  starting: readonly [...{ [At in keyof Parts]: Promise<Parts[At]> }],
): Promise<Parts> {
  const settled = await Promise.allSettled(starting);
  const failed = settled.find((result): result is PromiseRejectedResult => result.status === 'rejected');
  if (failed) {
    await using stack = new AsyncDisposableStack();
    for (const result of settled) if (result.status === 'fulfilled') stack.use(result.value);
    throw failed.reason;
  }
  // Every promise is fulfilled and allSettled keeps their order, which its type cannot say.
  return Promise.all(starting) as unknown as Promise<Parts>;
}
