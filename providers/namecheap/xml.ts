import { XMLParser, XMLValidator } from 'fast-xml-parser';

const LISTS = new Set(['host', 'Host', 'Error']);

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  // Values stay text: TXT data may look like a number, or begin with a space.
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  // Numeric references (`&#34;`) as well as the five of XML.
  htmlEntities: true,
  isArray: (name) => LISTS.has(name),
});

/**
 * Parses a complete XML document to objects: attributes as `@Name`, text as `#text`. Undefined for
 * anything else. The parser alone accepts a truncated document, which here would be a truncated
 * zone. Import this file only when a response has to be parsed.
 */
export function parseXml(text: string): unknown {
  // The API never sends documents that define entities.
  if (/<!(?:ENTITY|ELEMENT|ATTLIST)/i.test(text) || XMLValidator.validate(text) !== true) return undefined;
  try {
    return parser.parse(text);
  } catch {
    return undefined;
  }
}
