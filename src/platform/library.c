/*-------------------------------------------------------------------------
 *
 * library.c
 *	  The library itself: where it is preloaded, and what else is loaded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <dlfcn.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/varlena.h"

#include "platform/library.h"

static bool is_our_file(const char *file);
static bool is_loaded(const char *path);
static char *setting_of_row(HeapTuple tuple, TupleDesc desc, const char *name);

bool
ig_library_is_listed(const char *libraries)
{
	List	   *files;
	ListCell   *lc;

	if (libraries == NULL ||
		!SplitDirectoriesString(pstrdup(libraries), ',', &files))
		return false;

	foreach(lc, files)
	{
		if (is_our_file((const char *) lfirst(lc)))
			return true;
	}
	return false;
}

/*
 * invariant_guard, $libdir/invariant_guard, /a/path/invariant_guard.so
 */
static bool
is_our_file(const char *file)
{
	const char *base = last_dir_separator(file);

	base = base ? base + 1 : file;
	return strcmp(base, IG_LIBRARY_NAME) == 0 ||
		strcmp(base, IG_LIBRARY_NAME DLSUFFIX) == 0;
}

/*
 * A bare name is looked for where the server's own libraries are; one that
 * dynamic_library_path finds elsewhere counts as not loaded.
 */
bool
ig_library_is_loaded(const char *file)
{
	const char *path = file;

	if (strcmp(file, IG_LIBRARY_NAME) == 0)
		return true;
	if (strncmp(file, "$libdir/", strlen("$libdir/")) == 0)
		path = psprintf("%s/%s", pkglib_path, file + strlen("$libdir/"));
	else if (first_dir_separator(file) == NULL)
		path = psprintf("%s/%s", pkglib_path, file);

	return is_loaded(path) || is_loaded(psprintf("%s%s", path, DLSUFFIX));
}

static bool
is_loaded(const char *path)
{
	void	   *handle = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);

	if (handle == NULL)
		return false;
	dlclose(handle);
	return true;
}

char *
ig_stored_setting(Oid database, Oid role, const char *name)
{
	Relation	catalog = table_open(DbRoleSettingRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple	tuple;
	char	   *value = NULL;

	ScanKeyInit(&keys[0], Anum_pg_db_role_setting_setdatabase,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(database));
	ScanKeyInit(&keys[1], Anum_pg_db_role_setting_setrole,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(role));
	scan = systable_beginscan(catalog, DbRoleSettingDatidRolidIndexId, true, NULL, 2, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		value = setting_of_row(tuple, RelationGetDescr(catalog), name);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return value;
}

static char *
setting_of_row(HeapTuple tuple, TupleDesc desc, const char *name)
{
	bool		isnull;
	Datum		config = heap_getattr(tuple, Anum_pg_db_role_setting_setconfig, desc, &isnull);
	char	   *value = NULL;
	Datum	   *items;
	bool	   *nulls;
	int			count;

	if (isnull)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false, TYPALIGN_INT,
					  &items, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *item = nulls[i] ? NULL : TextDatumGetCString(items[i]);

		if (item && pg_strncasecmp(item, name, strlen(name)) == 0 &&
			item[strlen(name)] == '=')
			value = item + strlen(name) + 1;
	}
	return value;
}

char *
ig_stored_system_setting(const char *name)
{
	FILE	   *file = AllocateFile(PG_AUTOCONF_FILENAME, "r");
	ConfigVariable *head = NULL;
	ConfigVariable *tail = NULL;
	char	   *value = NULL;

	if (file == NULL)
		return NULL;
	(void) ParseConfigFp(file, PG_AUTOCONF_FILENAME, 0, DEBUG2, &head, &tail);
	FreeFile(file);

	for (ConfigVariable *item = head; item != NULL; item = item->next)
	{
		if (item->name && pg_strcasecmp(item->name, name) == 0)
			value = pstrdup(item->value ? item->value : "");
	}
	FreeConfigVariables(head);
	return value;
}
