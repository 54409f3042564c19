// Small changes to a source file, each of which some test should notice.
import ts from 'typescript';

const K = ts.SyntaxKind;
/** What takes an operator's place. */
const OPERATORS = new Map([
  [K.EqualsEqualsEqualsToken, '!=='],
  [K.ExclamationEqualsEqualsToken, '==='],
  [K.LessThanToken, '<='],
  [K.LessThanEqualsToken, '<'],
  [K.GreaterThanToken, '>='],
  [K.GreaterThanEqualsToken, '>'],
  [K.AmpersandAmpersandToken, '||'],
  [K.BarBarToken, '&&'],
  [K.PlusToken, '-'],
  [K.MinusToken, '+'],
  [K.AsteriskToken, '/'],
  [K.SlashToken, '*'],
  [K.PlusEqualsToken, '-='],
  [K.MinusEqualsToken, '+='],
]);
/** Texts for people who operate the service or read its description: no test should hold their words fast. */
const DESCRIBING = new Set(['description', 'summary', 'help', 'title']);
const LOGGING = /(?:^|\.)(?:logger|log|audit|say)\.\w+$|^say$/;

/**
 * @returns {{ start: number, end: number, text: string, line: number, what: string, owner: number }[]} in order;
 *   `owner` is the start of the innermost function around it, -1 for what runs when the file is loaded
 */
export function mutantsOf(fileName, code) {
  const source = ts.createSourceFile(fileName, code, ts.ScriptTarget.ES2023, true);
  const found = [];
  const add = (node, text, what, owner) => {
    const start = node.getStart(source);
    const line = source.getLineAndCharacterOfPosition(start).line + 1;
    found.push({ start, end: node.end, text, line, what, owner });
  };
  const visit = (node, owner) => {
    if (isLeftAlone(node)) return;
    const inside = bodyOf(node)?.pos ?? owner;
    mutate(node, (text, what, at = node) => add(at, text, what, owner), source);
    ts.forEachChild(node, (child) => visit(child, inside));
  };
  visit(source, -1);
  return found;
}

/** Starts of the bodies of functions: where a file can say that it was there. */
export function functionsOf(fileName, code) {
  const source = ts.createSourceFile(fileName, code, ts.ScriptTarget.ES2023, true);
  const found = [];
  const visit = (node) => {
    const body = bodyOf(node);
    if (body)
      found.push({ owner: body.pos, at: ts.isBlock(body) ? body.getStart(source) + 1 : undefined, body });
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found.map(({ owner, at, body }) => ({ owner, at, from: body.getStart(source), to: body.end }));
}

function bodyOf(node) {
  return ts.isFunctionLike(node) && 'body' in node ? node.body : undefined;
}

function isLeftAlone(node) {
  return (
    ts.isImportDeclaration(node) ||
    ts.isExportDeclaration(node) ||
    ts.isTypeNode(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isDecorator(node) ||
    (ts.isCallExpression(node) && LOGGING.test(node.expression.getText().replaceAll(/this\.|Peer\./g, ''))) ||
    (ts.isPropertyAssignment(node) && DESCRIBING.has(node.name.getText()))
  );
}

function mutate(node, add, source) {
  if (ts.isBinaryExpression(node)) {
    const operator = OPERATORS.get(node.operatorToken.kind);
    const isText = node.operatorToken.kind === K.PlusToken && /['"`]/.test(node.getText(source));
    if (operator && !isText)
      add(operator, `${node.operatorToken.getText(source)} becomes ${operator}`, node.operatorToken);
    if (node.operatorToken.kind === K.QuestionQuestionToken)
      add(node.left.getText(source), `?? ${short(node.right, source)} is dropped`);
  } else if (ts.isPrefixUnaryExpression(node) && node.operator === K.ExclamationToken)
    add(node.operand.getText(source), `! before ${short(node.operand, source)} is dropped`);
  else if (node.kind === K.TrueKeyword) add('false', 'true becomes false');
  else if (node.kind === K.FalseKeyword) add('true', 'false becomes true');
  else if (ts.isNumericLiteral(node)) mutateNumber(node, add);
  else if (ts.isStringLiteral(node) && isValue(node))
    add("'mutated'", `${short(node, source)} becomes 'mutated'`);
  else if (ts.isIfStatement(node)) {
    const text = short(node.expression, source);
    add('true', `if (${text}) becomes if (true)`, node.expression);
    add('false', `if (${text}) becomes if (false)`, node.expression);
  } else if (ts.isConditionalExpression(node))
    add(
      `!(${node.condition.getText(source)})`,
      `${short(node.condition, source)} ? is negated`,
      node.condition,
    );
  else if (ts.isExpressionStatement(node) && isRemovable(node.expression))
    add(';', `${short(node, source)} is dropped`);
}

function mutateNumber(node, add) {
  const value = Number(node.text);
  const other = value <= 10 ? value + 1 : Math.floor(value / 10);
  add(String(other), `${node.getText()} becomes ${other}`);
}

/** Not the name of a member, nor a type in quotes. */
function isValue(node) {
  const { parent } = node;
  const isName =
    (ts.isPropertyAssignment(parent) || ts.isPropertyDeclaration(parent)) && parent.name === node;
  return !isName && !ts.isLiteralTypeNode(parent) && !ts.isEnumMember(parent);
}

function isRemovable(expression) {
  if (ts.isAwaitExpression(expression)) return isRemovable(expression.expression);
  return ts.isCallExpression(expression) && expression.expression.kind !== K.SuperKeyword;
}

function short(node, source) {
  const text = node.getText(source).replaceAll(/\s+/g, ' ');
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
