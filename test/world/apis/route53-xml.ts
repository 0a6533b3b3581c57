import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';

export type XmlTree = { readonly [tag: string]: XmlContent };
/** Text, elements, several elements of one tag, or nothing. */
export type XmlContent = string | number | boolean | undefined | XmlTree | readonly (string | XmlTree)[];

const DECLARATION = '<?xml version="1.0"?>\n';

/** A complete document. A list becomes one element for each item; undefined becomes no element. */
export function toXml(root: string, namespace: string | undefined, content: XmlContent): string {
  const attribute = namespace === undefined ? '' : ` xmlns="${namespace}"`;
  return `${DECLARATION}<${root}${attribute}>${inner(content)}</${root}>`;
}

function inner(content: XmlContent): string {
  if (content === undefined) return '';
  if (typeof content !== 'object') return escapeXml(String(content));
  return Object.entries(content)
    .map(([tag, value]) => element(tag, value))
    .join('');
}

function element(tag: string, value: XmlContent): string {
  if (value === undefined) return '';
  const items = isList(value) ? value : [value];
  return items.map((item) => `<${tag}>${inner(item)}</${tag}>`).join('');
}

function isList(value: XmlContent): value is readonly (string | XmlTree)[] {
  return Array.isArray(value);
}

function escapeXml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
  };
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character);
}

const LISTS = new Set(['Change', 'ResourceRecord']);
const parser = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  ignoreAttributes: true,
  ignoreDeclaration: true,
  isArray: (tag) => LISTS.has(tag),
});

const document = z.record(z.string(), z.unknown());

/** The elements of a document by tag, with all values as text. Throws if the text is not XML. */
export function parseXml(text: string): Readonly<Record<string, unknown>> {
  return document.parse(parser.parse(text, true));
}
