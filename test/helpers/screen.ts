/**
 * A terminal like tmux, for the sequences that maos uses: lines that scroll out at the top become history, and so does
 * a screen that is cleared from its first cell on. Every character is one cell wide.
 */
export class Screen {
  readonly history: string[] = [];
  /** Operating system commands other than the title, such as a notification. */
  readonly commands: string[] = [];
  title: string | null = null;
  bells = 0;
  #rows: number;
  #grid: string[];
  #x = 0;
  #y = 0;
  readonly #columns: number;

  constructor(columns: number, rows: number) {
    this.#columns = columns;
    this.#rows = rows;
    this.#grid = Array.from({ length: rows }, () => '');
  }

  /** Its lines, from the top, without trailing blank ones. */
  get text(): string {
    return this.#grid
      .map((line) => line.trimEnd())
      .join('\n')
      .trimEnd();
  }

  write(text: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences are what is read here
    const tokens = /\u001b\[([0-9;?]*)([A-Za-z])|\u001b\]([^\u0007\u001b]*)\u0007|./gsu;
    for (const [token, parameters, final, command] of text.matchAll(tokens)) {
      if (command?.startsWith('2;')) this.title = command.slice(2);
      else if (command !== undefined) this.commands.push(command);
      else if (token === '\u0007') this.bells += 1;
      else if (final !== undefined) this.#control(parameters as string, final);
      else if (token === '\n') this.#lineFeed();
      else if (token === '\r') this.#x = 0;
      else if (token >= ' ') this.#put(token);
      else throw new Error(`${JSON.stringify(token)} is not known here`);
    }
  }

  /** If the height shrinks, just as many lines scroll out as needed to keep the cursor's line. */
  setRows(rows: number): void {
    while (this.#y >= rows) {
      this.history.push(this.#grid.shift() as string);
      this.#y -= 1;
    }
    this.#rows = rows;
    this.#grid = Array.from({ length: rows }, (_, row) => this.#grid[row] ?? '');
  }

  #control(parameters: string, final: string): void {
    const count = Number(parameters) || 1;
    if (final === 'A') this.#y = Math.max(0, this.#y - count);
    else if (final === 'K') this.#setLine(this.#line.slice(0, this.#x));
    else if (final === 'J') this.#clearBelow();
    else if (final !== 'm' && final !== 'h' && final !== 'l')
      throw new Error(`CSI ${final} is not known here`);
  }

  #clearBelow(): void {
    if (this.#x === 0 && this.#y === 0) this.history.push(...this.#grid);
    this.#setLine(this.#line.slice(0, this.#x));
    for (let row = this.#y + 1; row < this.#rows; row++) this.#grid[row] = '';
  }

  #lineFeed(): void {
    this.#x = 0;
    if (this.#y < this.#rows - 1) {
      this.#y += 1;
      return;
    }
    this.history.push(this.#grid.shift() as string);
    this.#grid.push('');
  }

  #put(character: string): void {
    if (this.#x === this.#columns) this.#lineFeed();
    const line = this.#line.padEnd(this.#x);
    this.#setLine(`${line.slice(0, this.#x)}${character}${line.slice(this.#x + 1)}`);
    this.#x += 1;
  }

  get #line(): string {
    return this.#grid[this.#y] as string;
  }

  #setLine(line: string): void {
    this.#grid[this.#y] = line;
  }
}
