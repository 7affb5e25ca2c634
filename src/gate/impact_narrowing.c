/*-------------------------------------------------------------------------
 *
 * impact_narrowing.c
 *	  Does one type hold fewer values than another?
 *
 * The question is asked of types alone: whether a stored value really does not
 * fit is not looked at, because the running version of an application may
 * write one at any moment.  Types that are not known here, and pairs of which
 * neither includes the other, such as json and jsonb, are not called narrower.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "gate/impact.h"

/*
 * Numbers: how many decimal digits every value needs at most, how many are
 * always held exactly, and how wide a value is when printed.
 */
typedef struct NumberType
{
	Oid			type;
	bool		is_float;
	int			bits;			/* of the magnitude, or of the mantissa */
	int			digits_needed;
	int			digits_held;
} NumberType;

static const NumberType number_types[] = {
	{INT2OID, false, 15, 5, 4},
	{INT4OID, false, 31, 10, 9},
	{INT8OID, false, 63, 19, 18},
	{OIDOID, false, 32, 10, 9},
	{FLOAT4OID, true, 24, 0, 6},
	{FLOAT8OID, true, 53, 0, 15},
};

/* How many characters the values of a type take at most. */
static const struct
{
	Oid			type;
	int			width;
}			printed_widths[] = {
	{BOOLOID, 5},
	{INT2OID, 6},
	{INT4OID, 11},
	{INT8OID, 20},
	{OIDOID, 10},
	{UUIDOID, 36},
	{MACADDROID, 17},
	{MACADDR8OID, 23},
};

/* A part of the value is left out. */
static const Oid partial_types[][2] = {
	{TIMESTAMPTZOID, DATEOID},
	{TIMESTAMPOID, DATEOID},
	{TIMESTAMPTZOID, TIMEOID},
	{TIMESTAMPOID, TIMEOID},
	{TIMESTAMPTZOID, TIMETZOID},
	{TIMETZOID, TIMEOID},
	{INTERVALOID, TIMEOID},
	{INETOID, CIDROID},
	{MACADDR8OID, MACADDROID},
};

static bool domain_narrows(Oid old_type, Oid new_type);
static bool text_narrows(Oid old_type, int32 old_typmod, Oid new_type, int32 new_typmod);
static bool number_narrows(Oid old_type, int32 old_typmod, Oid new_type, int32 new_typmod);
static bool numeric_narrows(int32 old_typmod, int32 new_typmod);
static bool moment_narrows(Oid old_type, int32 old_typmod, Oid new_type, int32 new_typmod);
static bool bits_narrow(Oid old_type, int32 old_typmod, Oid new_type, int32 new_typmod);

static bool
is_text(Oid type)
{
	return TypeCategory(type) == TYPCATEGORY_STRING;
}

static bool
is_bits(Oid type)
{
	return type == BITOID || type == VARBITOID;
}

static const NumberType *
number_type(Oid type)
{
	for (int i = 0; i < lengthof(number_types); i++)
	{
		if (number_types[i].type == type)
			return &number_types[i];
	}
	return NULL;
}

static bool
is_number(Oid type)
{
	return type == NUMERICOID || number_type(type) != NULL;
}

/*
 * Does the new type hold fewer values than the old one?  Of domains the base
 * types are compared, and a constraint that the old type does not have makes
 * the new one narrower.
 */
bool
ig_type_narrows(Oid old_type, int32 old_typmod, Oid new_type, int32 new_typmod)
{
	Oid			old_element;
	Oid			new_element;

	if (domain_narrows(old_type, new_type))
		return true;

	old_type = getBaseTypeAndTypmod(old_type, &old_typmod);
	new_type = getBaseTypeAndTypmod(new_type, &new_typmod);

	old_element = get_element_type(old_type);
	new_element = get_element_type(new_type);
	if (OidIsValid(old_element) && OidIsValid(new_element))
		return ig_type_narrows(old_element, old_typmod, new_element, new_typmod);

	if (is_text(new_type))
		return text_narrows(old_type, old_typmod, new_type, new_typmod);
	if (is_text(old_type))
		return true;

	for (int i = 0; i < lengthof(partial_types); i++)
	{
		if (partial_types[i][0] == old_type && partial_types[i][1] == new_type)
			return true;
	}

	if (is_number(old_type))
	{
		if (new_type == BOOLOID)
			return true;
		if (is_number(new_type))
			return number_narrows(old_type, old_typmod, new_type, new_typmod);
	}
	if (is_bits(new_type))
		return bits_narrow(old_type, old_typmod, new_type, new_typmod);

	return moment_narrows(old_type, old_typmod, new_type, new_typmod);
}

/*
 * Is the new type a domain with constraints that the old type is not under?
 */
static bool
domain_narrows(Oid old_type, Oid new_type)
{
	if (get_typtype(new_type) != TYPTYPE_DOMAIN || !DomainHasConstraints(new_type))
		return false;

	while (old_type != new_type)
	{
		HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(old_type));
		Form_pg_type form;

		if (!HeapTupleIsValid(tuple))
			return false;
		form = (Form_pg_type) GETSTRUCT(tuple);
		old_type = (form->typtype == TYPTYPE_DOMAIN) ? form->typbasetype : InvalidOid;
		ReleaseSysCache(tuple);
		if (!OidIsValid(old_type))
			return true;
	}
	return false;
}

/*
 * How many characters a text type holds, -1 without a limit.
 */
static int
text_limit(Oid type, int32 typmod)
{
	if (type == NAMEOID)
		return NAMEDATALEN - 1;
	if ((type == VARCHAROID || type == BPCHAROID) && typmod >= (int32) VARHDRSZ)
		return typmod - VARHDRSZ;
	return -1;
}

static bool
text_narrows(Oid old_type, int32 old_typmod, Oid new_type, int32 new_typmod)
{
	int			new_limit = text_limit(new_type, new_typmod);
	int			old_width = -1;

	if (new_limit < 0)
		return false;

	if (is_text(old_type))
		old_width = text_limit(old_type, old_typmod);
	else
	{
		for (int i = 0; i < lengthof(printed_widths); i++)
		{
			if (printed_widths[i].type == old_type)
				old_width = printed_widths[i].width;
		}
	}
	return old_width < 0 || new_limit < old_width;
}

/*
 * Precision and scale of a numeric's type modifier, as numeric.c packs them.
 */
static void
unpack_numeric(int32 typmod, int *precision, int *scale)
{
	typmod -= VARHDRSZ;
	*precision = (typmod >> 16) & 0xffff;
	*scale = ((typmod & 0x7ff) ^ 1024) - 1024;
}

static bool
number_narrows(Oid old_type, int32 old_typmod, Oid new_type, int32 new_typmod)
{
	const NumberType *old_number = number_type(old_type);
	const NumberType *new_number = number_type(new_type);
	int			precision;
	int			scale;

	if (old_number == NULL && new_number == NULL)
		return numeric_narrows(old_typmod, new_typmod);

	if (new_number == NULL)
	{
		if (new_typmod < (int32) VARHDRSZ)
			return false;
		unpack_numeric(new_typmod, &precision, &scale);
		return old_number->is_float || scale < 0 ||
			precision - scale < old_number->digits_needed;
	}

	if (old_number == NULL)
	{
		if (old_typmod < (int32) VARHDRSZ || new_type == OIDOID)
			return true;
		unpack_numeric(old_typmod, &precision, &scale);
		if (new_number->is_float)
			return precision > new_number->digits_held;
		return scale > 0 || precision - scale > new_number->digits_held;
	}

	/* an oid has no sign: only it and what is wide enough hold all oids */
	if (new_type == OIDOID)
		return old_type != OIDOID;
	if (old_number->is_float && !new_number->is_float)
		return true;
	return new_number->bits < old_number->bits;
}

static bool
numeric_narrows(int32 old_typmod, int32 new_typmod)
{
	int			old_precision;
	int			old_scale;
	int			new_precision;
	int			new_scale;

	if (new_typmod < (int32) VARHDRSZ)
		return false;
	if (old_typmod < (int32) VARHDRSZ)
		return true;

	unpack_numeric(old_typmod, &old_precision, &old_scale);
	unpack_numeric(new_typmod, &new_precision, &new_scale);
	return new_scale < old_scale ||
		new_precision - new_scale < old_precision - old_scale;
}

/*
 * How fine an interval is.  Whatever fields its type names, only what is below
 * the smallest of them is cut off.
 */
static int
interval_resolution(int32 typmod)
{
	int			range = (typmod < 0) ? INTERVAL_FULL_RANGE : INTERVAL_RANGE(typmod);
	int			precision = (typmod < 0) ? MAX_INTERVAL_PRECISION : INTERVAL_PRECISION(typmod);

	if (range & INTERVAL_MASK(SECOND))
		return 5 + Min(precision, MAX_INTERVAL_PRECISION);
	if (range & INTERVAL_MASK(MINUTE))
		return 4;
	if (range & INTERVAL_MASK(HOUR))
		return 3;
	if (range & INTERVAL_MASK(DAY))
		return 2;
	return (range & INTERVAL_MASK(MONTH)) ? 1 : 0;
}

/*
 * Dates and times differ in how many digits of a second they keep, and an
 * interval also in its smallest field.
 */
static bool
moment_narrows(Oid old_type, int32 old_typmod, Oid new_type, int32 new_typmod)
{
	int			old_precision = (old_typmod < 0) ? MAX_TIMESTAMP_PRECISION : old_typmod;
	int			new_precision = (new_typmod < 0) ? MAX_TIMESTAMP_PRECISION : new_typmod;

	switch (new_type)
	{
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return (old_type == TIMESTAMPOID || old_type == TIMESTAMPTZOID) &&
				new_precision < old_precision;
		case TIMEOID:
		case TIMETZOID:
			return (old_type == TIMEOID || old_type == TIMETZOID) &&
				new_precision < old_precision;
		case INTERVALOID:
			return old_type == INTERVALOID &&
				interval_resolution(new_typmod) < interval_resolution(old_typmod);
		default:
			return false;
	}
}

/*
 * A bit(n) holds strings of exactly n bits, so that any other length shuts
 * out the old values.
 */
static bool
bits_narrow(Oid old_type, int32 old_typmod, Oid new_type, int32 new_typmod)
{
	if (new_typmod < 0)
		return false;
	if (!is_bits(old_type))
	{
		const NumberType *number = number_type(old_type);

		return number != NULL && number->bits >= new_typmod;
	}
	if (new_type == BITOID)
		return old_type != BITOID || old_typmod != new_typmod;
	return old_typmod < 0 || new_typmod < old_typmod;
}
