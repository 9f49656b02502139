import { describe, expect, it } from 'vitest';
import { CatalogueParser, CatalogueSyntaxError, type CatalogueEntry } from '../../../../shared/dar/catalogue-parser.js';

const attributes = (more = '') => `<Attributes data="saved" metadata="absent" user="u" group="g" permissions=" -rw-r--r--" atime="1" mtime="20" ctime="30" ${more}/>\n`;
const file = (name: string, size = '1') => `<File name="${name}" size="${size}" stored="1" crc="00" dirty="no" sparse="no">\n${attributes()}</File>\n`;
const catalog = (body: string) => `<?xml version="1.0" ?>\n<!DOCTYPE Catalog SYSTEM "dar-catalog.dtd">\n<Catalog format="1.2">\n${body}</Catalog>\n`;

function parse(xml: string, step = 1 << 20): CatalogueEntry[] {
  const bytes = Buffer.from(xml, 'latin1');
  const parser = new CatalogueParser();
  const entries: CatalogueEntry[] = [];
  for (let i = 0; i < bytes.length; i += step) entries.push(...parser.push(bytes.subarray(i, i + step)));
  parser.finish();
  return entries;
}

describe('catalogue parser', () => {
  const tree = catalog(
    `<Directory name="d">\n${attributes()}\t<Directory name="e\n&quot;">\n${attributes()}${file('&quot;/&gt;&lt;File name=&quot;forged'.replace('/', ''))}</Directory>\n${file('\xff\xfe', '18446744073709551615')}</Directory>\n${file('z&amp;lt;')}`,
  );

  it('gives paths as bytes, whatever the chunks', () => {
    const whole = parse(tree);
    expect(whole.map((e) => e.path)).toEqual(['d', 'd/e\n"', 'd/e\n"/"><File name="forged', 'd/\xff\xfe', 'z&lt;']);
    expect(whole[3]).toEqual({ path: 'd/\xff\xfe', type: 'f', size: '18446744073709551615', mtime: '20', ctime: '30', hasEa: false, dirty: false, removed: false, data: 'saved', hardlinked: false });
    for (const step of [1, 2, 3, 7, 64]) expect(parse(tree, step)).toEqual(whole);
  });

  it('knows every type and mark', () => {
    const entry = (head: string, how = attributes()) => parse(catalog(`<${head}>\n${how}</${head.split(' ')[0] ?? ''}>\n`))[0];
    expect(['Directory', 'Symlink', 'Pipe', 'Socket', 'Door'].map((word) => entry(`${word} name="x"`)?.type)).toEqual(['d', 'l', 'p', 's', 'D']);
    expect(entry('Device name="x" type="block" major="1" minor="2"')?.type).toBe('b');
    expect(entry('Device name="x" type="character" major="1" minor="2"')?.type).toBe('c');
    expect(entry('File name="x" size="1" dirty="yes"')?.dirty).toBe(true);
    expect(entry('File name="x" size="1"', '<Attributes data="referenced" metadata="saved" permissions="*-rw" mtime="-5" ctime="6" />')).toMatchObject({ hasEa: true, hardlinked: true, data: 'referenced', mtime: '-5' });
    expect(entry('File name="x"', '<Attributes data="deleted" metadata="absent" permissions="" mtime="7" ctime="" />')).toMatchObject({ removed: true, size: '', ctime: '' });
  });

  it.each([
    ['an end before </Catalog>', '<Catalog>\n' + file('a')],
    ['nothing', ''],
    ['an element it does not know', catalog('<Wormhole name="x">')],
    ['attributes without an entry', catalog(attributes())],
    ['an entry without attributes', catalog('<File name="a" size="1">\n</File>' + file('b'))],
    ['a name with a slash', catalog(file('a/b'))],
    ['a name that climbs', catalog(file('..'))],
    ['no name', catalog('<File size="1">' + attributes())],
    ['an unknown entity', catalog(file('&#10;'))],
    ['an open directory', catalog(`<Directory name="d">${attributes()}`)],
    ['a directory closed twice', catalog('</Directory>')],
    ['entries after the end', catalog('') + file('a')],
  ])('refuses %s', (_what, xml) => {
    expect(() => parse(xml)).toThrow(CatalogueSyntaxError);
  });
});
