/**
 * The order in which Route 53 lists the names of a zone: by their labels from the last to the first, with a dot behind each
 * (https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html). Pure.
 */

type Key = (name: string) => string;

const plain: Key = (name) => `${name.split('.').reverse().join('.')}.`;
const escaped: Key = (name) => plain(name).replaceAll('*', '\\052');

/**
 * The reference does not say whether an asterisk sorts as itself or as its escape, so what is concluded from the order has
 * to hold in both.
 */
const ORDERS: readonly Key[] = [plain, escaped];

/** The names as a list would bring them. */
export function inOrder(names: readonly string[]): string[] {
  return names.toSorted((a, b) => (plain(a) < plain(b) ? -1 : 1));
}

/** Whether a list from one name up to another, that one excluded, holds every record of a third. */
export function isCovered(name: string, from: string, until: string | undefined): boolean {
  if (name === from) return until !== from;
  return ORDERS.every((key) => key(name) > key(from) && (until === undefined || key(name) < key(until)));
}
