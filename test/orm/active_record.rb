# An application with ActiveRecord, as its authors would write it: nothing in it
# knows of invariant_guard.  Says "ok - ..." and "not ok - ...".
#
#   active_record.rb HOST PORT DATABASE RULE...

require 'active_record'
require 'logger'
require 'pg'

host, port, database, *rules = ARGV
ActiveRecord::Base.establish_connection(
  adapter: 'postgresql', host: host, port: port, database: database, username: ENV['PGUSER']
)
ActiveRecord::Base.logger = Logger.new($stderr) if ENV['ORM_LOG']

class Entry < ActiveRecord::Base
end

class Order < ActiveRecord::Base
end

class Document < ActiveRecord::Base
end

class Post < ActiveRecord::Base
end

class Account < ActiveRecord::Base
  has_many :posts, dependent: :destroy
  after_commit(on: :destroy) { (@committed ||= []) << :destroy }
  attr_reader :committed
end

class LiveAccount < ActiveRecord::Base
  self.table_name = 'accounts_live'
  self.primary_key = 'id'
end

class ScopedAccount < ActiveRecord::Base
  self.table_name = 'accounts'
  default_scope { where(deleted_at: nil) }
end

def check(name)
  result = yield
  puts "#{result ? 'ok' : 'not ok'} - #{name}"
rescue StandardError => e
  puts "not ok - #{name}"
  puts "# #{e.class}: #{e.message.lines.first(3).join('# ')}"
end

# The error that the block raises, or nil.
def error_of
  yield
  nil
rescue StandardError => e
  e
end

def refused?(error, rule, code)
  error.instance_of?(ActiveRecord::StatementInvalid) &&
    error.message.include?("(rule #{rule})") &&
    error.cause.result.error_field(PG::Result::PG_DIAG_SQLSTATE) == code &&
    error.cause.result.error_field(PG::Result::PG_DIAG_CONSTRAINT_NAME) == rule
end

def select_value(sql)
  ActiveRecord::Base.connection.select_value(sql)
end

def append_only
  entry = Entry.create!(cents: 100, note: 'first')
  check('a row is added') { Entry.find(entry.id).cents == 100 }
  check('several are') { Entry.insert_all([{ cents: 1 }, { cents: 2 }]).length == 2 }
  check('update raises StatementInvalid with the rule') do
    refused?(error_of { entry.update!(cents: 1) }, 'append-only', 'IGA01')
  end
  check('the connection goes on') { entry.reload.cents == 100 }
  check('destroy raises it') { refused?(error_of { entry.destroy }, 'append-only', 'IGA01') }
  check('update_all raises it') do
    refused?(error_of { Entry.where(cents: 1).update_all(note: 'x') }, 'append-only', 'IGA01')
  end
  check('delete_all raises it') { refused?(error_of { Entry.delete_all }, 'append-only', 'IGA01') }
  check('upsert of what is there raises it') do
    refused?(error_of { Entry.upsert({ id: entry.id, cents: 5 }) }, 'append-only', 'IGA01')
  end
  check('a transaction around it is taken back') do
    error = error_of do
      Entry.transaction do
        Entry.create!(cents: 7, note: 'lost')
        entry.update!(cents: 1)
      end
    end
    refused?(error, 'append-only', 'IGA01') && Entry.where(note: 'lost').none?
  end
  check('in a savepoint only what is in it') do
    Entry.transaction do
      Entry.create!(cents: 8, note: 'kept')
      error_of { Entry.transaction(requires_new: true) { entry.update!(cents: 1) } }
    end
    Entry.where(note: 'kept').count == 1
  end
end

def optimistic_lock
  order = Order.create!(status: 'new')
  check('a new row has the version that the application gave') { order.reload.lock_version.zero? }
  first = Order.find(order.id)
  second = Order.find(order.id)
  check('the first of two copies is saved') do
    first.update!(status: 'paid')
    first.lock_version == 1 && first.reload.lock_version == 1
  end
  check('the second raises StaleObjectError') do
    error_of { second.update!(status: 'shipped') }.instance_of?(ActiveRecord::StaleObjectError)
  end
  check('a stale copy is not destroyed') do
    error_of { Order.find(order.id).tap { |o| o.lock_version = 0 }.destroy }
      .instance_of?(ActiveRecord::StaleObjectError) && Order.exists?(order.id)
  end
  check('read again, it is saved') do
    second.reload
    second.update!(status: 'shipped')
    second.reload.lock_version == 2 && second.status == 'shipped'
  end
  check('several times in one transaction') do
    Order.transaction { 3.times { |i| second.update!(status: "step #{i}") } }
    second.reload.lock_version == 5
  end
  check('touch counts') { second.touch && second.reload.lock_version == 6 }
  copy = Order.find(order.id)
  check('update_all passes and is counted') do
    Order.where(id: order.id).update_all(note: 'x') == 1 && Order.find(order.id).lock_version == 7
  end
  check('so that a copy read before is stale') do
    error_of { copy.update!(status: 'late') }.instance_of?(ActiveRecord::StaleObjectError)
  end
  check('update_columns is counted too') do
    copy.reload
    copy.update_columns(note: 'y')
    Order.find(order.id).lock_version == 8
  end
  check('a save without changes does nothing') do
    copy.reload
    copy.save! && Order.find(order.id).lock_version == 8
  end
  check('a current copy is destroyed') { copy.destroy && !Order.exists?(order.id) }
end

def soft_delete
  account = Account.create!(name: 'one')
  check('destroy returns the object') { account.destroy.equal?(account) && account.destroyed? }
  check('after_commit has run') { account.committed == [:destroy] }
  check('the row is there, marked') do
    select_value("SELECT deleted_at IS NOT NULL FROM accounts WHERE id = #{account.id}")
  end
  account = Account.create!(name: 'two')
  check('delete_all returns 1') { Account.where(id: account.id).delete_all == 1 }
  check('and 0 the next time') { Account.where(id: account.id).delete_all.zero? }
  check('destroy! of what is gone already raises nothing') { Account.find(account.id).destroy! }

  account = Account.create!(name: 'three')
  account.posts.create!(body: 'a')
  account.posts.create!(body: 'b')
  check('dependent children are marked with it') do
    account.destroy!
    select_value("SELECT count(*) FROM posts WHERE account_id = #{account.id} AND deleted_at IS NOT NULL") == 2 &&
      select_value("SELECT deleted_at IS NOT NULL FROM accounts WHERE id = #{account.id}")
  end

  account = Account.create!(name: 'four')
  check('a transaction that is taken back marks nothing') do
    Account.transaction do
      account.destroy!
      raise ActiveRecord::Rollback
    end
    select_value("SELECT deleted_at IS NULL FROM accounts WHERE id = #{account.id}")
  end

  live = ScopedAccount.find(account.id)
  check('a default scope hides what is deleted') do
    live.destroy!
    !ScopedAccount.exists?(account.id)
  end

  account = Account.create!(name: 'parent')
  account.posts.create!(body: 'live')
  check('a row with live children is not deleted alone') do
    refused?(error_of { account.delete }, 'soft-delete-children', 'IGD02') && Account.exists?(account.id)
  end

  account = Account.create!(name: 'five')
  check('the view shows what is live') { LiveAccount.find(account.id).name == 'five' }
  check('a model on the view is changed') do
    LiveAccount.find(account.id).update!(name: 'six') && account.reload.name == 'six'
  end
  check('and destroyed') do
    LiveAccount.find(account.id).destroy.destroyed? && !LiveAccount.exists?(account.id) &&
      Account.exists?(account.id)
  end
end

def immutable_columns
  document = Document.create!(number: 'A-1', title: 'one')
  check('another column is changed') { document.update!(title: 'two') && document.reload.title == 'two' }
  check('an immutable one is not') do
    error = error_of { document.update!(number: 'A-2') }
    refused?(error, 'immutable-columns', 'IGM01') && document.reload.number == 'A-1'
  end
  check('nor by update_columns') do
    refused?(error_of { document.update_columns(number: 'A-2') }, 'immutable-columns', 'IGM01')
  end
  check('all columns written as they were pass') do
    document.reload
    Document.partial_writes = false
    document.update!(title: 'three')
    Document.partial_writes = true
    document.reload.title == 'three'
  end
end

def audit_columns
  document = Document.create!(number: 'B-1', created_at: 1.year.ago)
  check('created_at is what the server says') { document.reload.created_at > 1.hour.ago }
  before = document.updated_at
  check('so is updated_at') do
    document.update!(title: 'later', updated_at: 1.year.ago)
    document.reload.updated_at > before
  end
  check('also where the application does not write it') do
    before = document.updated_at
    Document.where(id: document.id).update_all(title: 'again')
    document.reload.updated_at > before
  end
  check('touch passes') { document.touch }
end

rules.each { |rule| send(rule) }
