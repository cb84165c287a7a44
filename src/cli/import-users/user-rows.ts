import { isUtf8 } from 'node:buffer'
import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { CsvError, parse } from 'csv-parse'

/** A row of the file, by column. */
export interface UserRow { line: number, fields: Partial<Record<string, string>> }

/** Something that makes the whole file unusable. The message never repeats a value of the file. */
export class FileError extends Error {}

interface Columns { required: string[], optional: string[] }

function checkHeader (header: string[], { required, optional }: Columns): void {
  const known = [...required, ...optional]
  const missing = required.find(column => !header.includes(column))
  const rest = optional.length > 0 ? `, and optionally ${optional.join(', ')}` : ''
  const expected = `the first line must name the columns ${required.join(', ')}${rest}, separated by commas`
  if (missing !== undefined) throw new FileError(`The column ${missing} is missing: ${expected}`)
  if (header.some(column => !known.includes(column))) throw new FileError(`There is an unknown column: ${expected}`)
  if (new Set(header).size < header.length) throw new FileError(`A column is there twice: ${expected}`)
}

async function readText (path: string): Promise<Buffer> {
  const text = await readFile(path).catch((error: unknown) => {
    throw new FileError(`Cannot read the file: ${(error as Error).message}`)
  })
  if (!isUtf8(text)) throw new FileError('The file is not UTF-8: export it again, or convert it with iconv')
  return text
}

/**
 * Reads a CSV file (RFC 4180) in UTF-8 whose first line names the columns.
 *
 * @throws FileError
 */
export async function* readUserRows (path: string, columns: Columns): AsyncGenerator<UserRow> {
  const options = { bom: true, info: true, skip_empty_lines: true, record_delimiter: ['\r\n', '\n', '\r'] }
  const records = Readable.from([await readText(path)]).pipe(parse(options))
  let header: string[] | undefined
  try {
    for await (const { record, info } of records as AsyncIterable<{ record: string[], info: { lines: number } }>) {
      if (header !== undefined) {
        yield { line: info.lines, fields: Object.fromEntries(header.map((column, index) => [column, record[index]])) }
        continue
      }
      header = record.map(column => column.trim().toLowerCase())
      checkHeader(header, columns)
    }
  } catch (error) {
    // The parser's own message quotes the value.
    if (error instanceof CsvError) throw new FileError(`Line ${String(error['lines'])} is not valid CSV, or has more or fewer columns than the first line`)
    throw error
  }
  checkHeader(header ?? [], columns)
}
