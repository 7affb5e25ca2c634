# An application with SQLAlchemy, as its authors would write it: nothing in it
# knows of invariant_guard.  Says "ok - ..." and "not ok - ...".
#
#   sqlalchemy_client.py HOST PORT DATABASE RULE...

import os
import sys
import traceback
import warnings

from sqlalchemy import (BigInteger, Column, DateTime, ForeignKey, Integer, Text,
                        create_engine, text)
from sqlalchemy.exc import DBAPIError, SAWarning
from sqlalchemy.orm import Session, declarative_base, relationship
from sqlalchemy.orm.exc import StaleDataError

# "DELETE statement ... expected to delete 1 row(s); 0 were matched" is one
warnings.simplefilter('error', SAWarning)

host, port, database = sys.argv[1:4]
engine = create_engine('postgresql+psycopg2:///%s' % database, future=True,
                       connect_args={'host': host, 'port': port, 'user': os.environ.get('PGUSER')})
Base = declarative_base()


class Entry(Base):
    __tablename__ = 'entries'
    id = Column(BigInteger, primary_key=True)
    cents = Column(BigInteger)
    note = Column(Text)


class Order(Base):
    __tablename__ = 'versioned_orders'
    id = Column(BigInteger, primary_key=True)
    status = Column(Text)
    version = Column(Integer, nullable=False)
    __mapper_args__ = {'version_id_col': version}


class Document(Base):
    __tablename__ = 'documents'
    id = Column(BigInteger, primary_key=True)
    number = Column(Text)
    title = Column(Text)
    created_at = Column(DateTime(timezone=True))
    updated_at = Column(DateTime(timezone=True))


class Account(Base):
    __tablename__ = 'accounts'
    id = Column(BigInteger, primary_key=True)
    name = Column(Text)
    deleted_at = Column(DateTime(timezone=True))
    posts = relationship('Post', cascade='all, delete-orphan')


class Post(Base):
    __tablename__ = 'posts'
    id = Column(BigInteger, primary_key=True)
    account_id = Column(BigInteger, ForeignKey('accounts.id'))
    body = Column(Text)
    deleted_at = Column(DateTime(timezone=True))


def check(name, what):
    try:
        passed = what()
    except Exception:
        passed = False
        print('\n'.join('# ' + line for line in traceback.format_exc().splitlines()[-4:]))
    print('%s - %s' % ('ok' if passed else 'not ok', name))


def error_of(what):
    try:
        what()
    except Exception as e:
        return e
    return None


def refused(error, rule, code):
    return (isinstance(error, DBAPIError) and '(rule %s)' % rule in str(error) and
            error.orig.pgcode == code and error.orig.diag.constraint_name == rule)


# In a session of its own: what the function returns.
def within(what):
    with Session(engine) as session, session.begin():
        return what(session)


def added(make):
    def add(session):
        thing = make()
        session.add(thing)
        session.flush()
        return thing.id
    return within(add)


def value(sql, **parameters):
    return within(lambda s: s.execute(text(sql), parameters).scalar())


def changed(kind, key, **values):
    def change(session):
        thing = session.get(kind, key)
        for name, new in values.items():
            setattr(thing, name, new)
        session.flush()
    return within(change)


def deleted(kind, key):
    return within(lambda s: (s.delete(s.get(kind, key)), s.flush()))


def append_only():
    key = added(lambda: Entry(cents=100))
    check('a row is added', lambda: value('SELECT cents FROM entries WHERE id = :k', k=key) == 100)
    check('an update raises the rule',
          lambda: refused(error_of(lambda: changed(Entry, key, cents=1)), 'append-only', 'IGA01'))
    check('a delete raises it',
          lambda: refused(error_of(lambda: deleted(Entry, key)), 'append-only', 'IGA01'))
    check('nothing has changed',
          lambda: value('SELECT cents FROM entries WHERE id = :k', k=key) == 100)


def optimistic_lock():
    key = added(lambda: Order(status='new'))
    check('a new row has version 1',
          lambda: value('SELECT version FROM versioned_orders WHERE id = :k', k=key) == 1)
    with Session(engine) as first, Session(engine) as second:
        mine = first.get(Order, key)
        theirs = second.get(Order, key)
        second.rollback()       # and goes on with what it has read
        theirs = second.get(Order, key)
        mine.status = 'paid'
        theirs.status = 'shipped'
        check('the first of two copies is saved', lambda: first.commit() is None)
        check('the second raises StaleDataError',
              lambda: isinstance(error_of(second.commit), StaleDataError))
        second.rollback()
    check('it was counted once',
          lambda: value('SELECT version FROM versioned_orders WHERE id = :k', k=key) == 2)
    check('read again, it is saved', lambda: changed(Order, key, status='shipped') is None)
    check('several of them at once', lambda: within(several_orders))
    check('a current copy is deleted', lambda: deleted(Order, key) is not None)


def several_orders(session):
    orders = [Order(status='new') for _ in range(5)]
    session.add_all(orders)
    session.flush()
    for order in orders:
        order.status = 'paid'
    session.flush()
    return all(order.version == 2 for order in orders)


def soft_delete():
    key = added(lambda: Account(name='alchemy'))
    check('a delete finds its row', lambda: deleted(Account, key) is not None)
    check('which is there, marked',
          lambda: value('SELECT deleted_at IS NOT NULL FROM accounts WHERE id = :k', k=key))
    key = added(lambda: Account(name='parent', posts=[Post(body='a'), Post(body='b')]))
    check('children go along', lambda: deleted(Account, key) is not None)
    check('and are marked',
          lambda: value('SELECT count(*) FROM posts WHERE account_id = :k '
                        'AND deleted_at IS NOT NULL', k=key) == 2)


def immutable_columns():
    key = added(lambda: Document(number='C-1', title='one'))
    check('another column is changed', lambda: changed(Document, key, title='two') is None)
    check('an immutable one is not',
          lambda: refused(error_of(lambda: changed(Document, key, number='C-2')),
                          'immutable-columns', 'IGM01'))


def audit_columns():
    key = added(lambda: Document(number='D-1'))
    check('created_at is filled in',
          lambda: value("SELECT created_at > now() - interval '1 hour' FROM documents "
                        'WHERE id = :k', k=key))
    check('and stays', lambda: changed(Document, key, title='two') is None and
          value('SELECT updated_at >= created_at FROM documents WHERE id = :k', k=key))


for rule in sys.argv[4:]:
    globals()[rule]()
