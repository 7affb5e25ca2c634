/*-------------------------------------------------------------------------
 *
 * source.c
 *	  The user's own words, for hints.
 *
 * A raw parse tree cannot be turned back into SQL, but the source text is
 * there, and the server's own lexer finds the way in it: strings, comments
 * and quoted names are never mistaken for keywords.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/nodes.h"
#include "parser/parser.h"
#include "parser/scanner.h"
#include "tcop/tcopprot.h"

#include "gate/statement.h"

/*
 * The lexer returns for a keyword whatever code it is told; these are out of
 * the range of all others, and offset by the keyword's number.
 */
#define KEYWORD_CODE	20000

/*
 * These it returns by itself; the server's grammar and that of PL/pgSQL, which
 * share it, name them in the same order: IDENT is 258.
 */
#define TOKEN_SCONST	261
#define TOKEN_USCONST	262

typedef struct Lexer
{
	core_yyscan_t scanner;
	core_yy_extra_type extra;
	core_YYSTYPE value;
	YYLTYPE		location;
	int			token;			/* 0 at the end */
} Lexer;

static void lexer_begin(Lexer *lexer, const char *source);
static bool lexer_next(Lexer *lexer);
static bool lexer_at_keyword(const Lexer *lexer, const char *keyword);

static void
lexer_begin(Lexer *lexer, const char *source)
{
	int			count = ScanKeywords.num_keywords;
	uint16	   *codes = palloc(count * sizeof(uint16));

	for (int i = 0; i < count; i++)
		codes[i] = KEYWORD_CODE + i;
	lexer->scanner = scanner_init(source, &lexer->extra, &ScanKeywords, codes);

	/* the parser has warned already */
	lexer->extra.escape_string_warning = false;
}

static bool
lexer_next(Lexer *lexer)
{
	lexer->token = core_yylex(&lexer->value, &lexer->location, lexer->scanner);
	return lexer->token != 0;
}

static bool
lexer_at_keyword(const Lexer *lexer, const char *keyword)
{
	return lexer->token >= KEYWORD_CODE &&
		strcmp(GetScanKeyword(lexer->token - KEYWORD_CODE, &ScanKeywords), keyword) == 0;
}

/*
 * The statement's own text, without a trailing semicolon, or NULL.
 */
char *
ig_source_statement(const IgStatement *stmt)
{
	const char *start;
	int			length;

	if (stmt->query == NULL)
		return NULL;

	start = stmt->query + Max(stmt->location, 0);
	length = stmt->length > 0 ? stmt->length : (int) strlen(start);
	while (length > 0 && (isspace((unsigned char) *start)))
	{
		start++;
		length--;
	}
	while (length > 0 && (isspace((unsigned char) start[length - 1]) ||
						  start[length - 1] == ';'))
		length--;
	return pnstrdup(start, length);
}

/*
 * The first parenthesis with its contents that follows the keyword, searched
 * from a location of the source text on: "(price > 0)".  NULL if not found.
 */
char *
ig_source_parenthesis(const IgStatement *stmt, int location, const char *keyword)
{
	Lexer		lexer;
	const char *source;
	int			depth = 0;
	int			start = -1;
	bool		seen = false;
	char	   *result = NULL;

	if (stmt->query == NULL || location < 0 || location > strlen(stmt->query))
		return NULL;

	source = stmt->query + location;
	lexer_begin(&lexer, source);
	while (result == NULL && lexer_next(&lexer))
	{
		if (!seen)
			seen = lexer_at_keyword(&lexer, keyword);
		else if (lexer.token == '(')
		{
			if (depth++ == 0)
				start = lexer.location;
		}
		else if (lexer.token == ')' && --depth == 0)
			result = pnstrdup(source + start, lexer.location + 1 - start);
		else if (lexer.token == ';')
			break;
	}
	scanner_finish(lexer.scanner);
	return result;
}

/*
 * The statement with something inserted behind the first occurrence of a
 * keyword: "CREATE INDEX CONCURRENTLY i ON t (a)".  NULL if not found.
 */
char *
ig_source_insert_after(const IgStatement *stmt, const char *keyword,
					   const char *insertion)
{
	Lexer		lexer;
	char	   *source = ig_source_statement(stmt);
	char	   *result = NULL;

	if (source == NULL)
		return NULL;

	lexer_begin(&lexer, source);
	while (result == NULL && lexer_next(&lexer))
	{
		if (lexer_at_keyword(&lexer, keyword))
		{
			int			end = lexer.location + (int) strlen(keyword);

			result = psprintf("%.*s %s%s", end, source, insertion, source + end);
		}
	}
	scanner_finish(lexer.scanner);
	return result;
}

/*
 * Does the statement contain this string constant?
 */
bool
ig_source_has_string(const IgStatement *stmt, const char *string)
{
	Lexer		lexer;
	char	   *source = ig_source_statement(stmt);
	bool		result = false;

	if (source == NULL)
		return false;

	lexer_begin(&lexer, source);
	while (!result && lexer_next(&lexer))
		result = (lexer.token == TOKEN_SCONST || lexer.token == TOKEN_USCONST) &&
			strcmp(lexer.value.str, string) == 0;
	scanner_finish(lexer.scanner);
	return result;
}

/*
 * What the client sent, if it is nothing but the given statement; for event
 * triggers, which are not told the source text.
 */
const char *
ig_source_of_session(const Node *parsetree)
{
	List	   *parsed;

	/* a background worker may have put any words there */
	if (debug_query_string == NULL || MyBackendType != B_BACKEND)
		return NULL;

	parsed = raw_parser(debug_query_string, RAW_PARSE_DEFAULT);
	if (list_length(parsed) != 1 ||
		!equal(linitial_node(RawStmt, parsed)->stmt, parsetree))
		return NULL;
	return debug_query_string;
}
