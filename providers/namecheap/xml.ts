import { XMLParser, XMLValidator } from 'fast-xml-parser';

const LISTS = new Set(['host', 'Host', 'Error']);

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  // Every value stays the text that it is: TXT data may look like a number, or begin with a space.
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  // Numeric references (`&#34;`) as well as the five of XML.
  htmlEntities: true,
  isArray: (name) => LISTS.has(name),
});

/**
 * A whole XML document as objects: attributes as `@Name`, text as `#text`; undefined for anything else. The parser alone
 * takes half a document for a whole one, which here would be half a zone. This file is imported late, since only an
 * answer needs it.
 */
export function parseXml(text: string): unknown {
  // Entities of a document's own are nothing that this API sends.
  if (/<!(?:ENTITY|ELEMENT|ATTLIST)/i.test(text) || XMLValidator.validate(text) !== true) return undefined;
  try {
    return parser.parse(text);
  } catch {
    return undefined;
  }
}
