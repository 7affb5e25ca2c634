/*-------------------------------------------------------------------------
 *
 * text.h
 *	  Names, lists and locks in words.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_TEXT_H
#define IG_TEXT_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "storage/lockdefs.h"

/* A name for a message: control characters are escaped. */
extern char *ig_text_name(const char *name);

/* '"a", "b" and 3 more', of a List of char *. */
extern char *ig_text_list(List *names, int at_most);

/* Nothing but white space? */
extern bool ig_is_blank(const char *value);

/* "ACCESS EXCLUSIVE" */
extern const char *ig_text_lock(LOCKMODE lock);

/* 'a, b and c' of a NULL-terminated list of words. */
extern char *ig_text_words(const char *const *words);

#endif							/* IG_TEXT_H */
