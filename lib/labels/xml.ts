import { SaxesParser } from 'saxes'
import { DatasetError } from '../engine/errors.js'

/** An element of an XML file; text between its children is put together. */
export interface XmlElement {
  name: string
  attributes: Record<string, string>
  children: XmlElement[]
  text: string
}

/**
 * Reads an XML file's root element.
 *
 * @throws DATASET_INVALID (corrupt) naming the file, the line and the fault.
 */
export function parseXml(text: string, path: string): XmlElement {
  const parser = new SaxesParser()
  const document: XmlElement = { name: '', attributes: {}, children: [], text: '' }
  const open = [document]
  parser.on('opentag', ({ name, attributes }) => {
    const element = { name, attributes: { ...attributes }, children: [], text: '' }
    open.at(-1)!.children.push(element)
    open.push(element)
  })
  parser.on('closetag', () => void open.pop())
  const write = (part: string) => {
    open.at(-1)!.text += part
  }
  parser.on('text', write)
  parser.on('cdata', write)
  try {
    parser.write(text).close()
  } catch (cause) {
    throw new DatasetError('corrupt', path, `not XML: ${(cause as Error).message}`, { cause })
  }
  return document.children[0]!
}

/** Text or an attribute's value, safe between quotes and tags. */
export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
