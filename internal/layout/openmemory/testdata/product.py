"""Stands for OpenMemory: its tables, described to SQLAlchemy as the product describes them.

    product.py write URL   makes a store with rows in every table
    product.py read URL    shows a store as SQLAlchemy reads it
    product.py remember URL   adds a memory of the default user, as the product does
"""
import datetime
import enum
import json
import random
import sys
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Session, declarative_base, relationship

Base = declarative_base()
State = enum.Enum("MemoryState", {s: s for s in ("active", "paused", "archived", "deleted")})
random.seed(7)


def new_id():
    return uuid.UUID(int=random.getrandbits(128), version=4)


def now():
    return datetime.datetime(2026, 2, 3, 4, 5, 6, random.choice((0, 1, 120000, 123456)), tzinfo=datetime.timezone.utc)


def key():
    return sa.Column(sa.UUID, primary_key=True, default=new_id)


def to(table, **more):
    return sa.Column(sa.UUID, sa.ForeignKey(table + ".id"), index=True, **({"nullable": False} | more))


def stamp(**more):
    return sa.Column(sa.DateTime, **more)


def word(**more):
    return sa.Column(sa.String, **more)


def extra():
    return sa.Column("metadata", sa.JSON, default=dict)


must = {"nullable": False, "index": True}

memory_categories = sa.Table(
    "memory_categories", Base.metadata,
    sa.Column("memory_id", sa.UUID, sa.ForeignKey("memories.id"), primary_key=True, index=True),
    sa.Column("category_id", sa.UUID, sa.ForeignKey("categories.id"), primary_key=True, index=True),
    sa.Index("idx_memory_category", "memory_id", "category_id"))


class User(Base):
    __tablename__ = "users"
    id = key()
    user_id = word(unique=True, **must)
    name = word(index=True)
    email = word(unique=True, index=True)
    extra = extra()
    created_at = stamp(default=now, index=True)
    updated_at = stamp(default=now, onupdate=now)


class App(Base):
    __tablename__ = "apps"
    id = key()
    owner_id = to("users")
    name = word(**must)
    description = word()
    extra = extra()
    is_active = sa.Column(sa.Boolean, default=True, index=True)
    created_at = stamp(default=now, index=True)
    updated_at = stamp(default=now, onupdate=now)
    owner = relationship(User)
    __table_args__ = (sa.UniqueConstraint("owner_id", "name", name="idx_app_owner_name"),)


class Config(Base):
    __tablename__ = "configs"
    id = key()
    key = word(unique=True, **must)
    value = sa.Column(sa.JSON, nullable=False)
    created_at = stamp(default=now)
    updated_at = stamp(default=now, onupdate=now)


class Category(Base):
    __tablename__ = "categories"
    id = key()
    name = word(unique=True, **must)
    description = word()
    created_at = stamp(default=now, index=True)
    updated_at = stamp(default=now, onupdate=now)


class Memory(Base):
    __tablename__ = "memories"
    id = key()
    user_id = to("users")
    app_id = to("apps")
    content = word(nullable=False)
    vector = word()
    extra = extra()
    state = sa.Column(sa.Enum(State, name="memorystate"), default=State.active, index=True)
    created_at = stamp(default=now, index=True)
    updated_at = stamp(default=now, onupdate=now)
    archived_at = stamp(index=True)
    deleted_at = stamp(index=True)
    user = relationship(User)
    app = relationship(App)
    categories = relationship(Category, secondary=memory_categories)
    __table_args__ = (
        sa.Index("idx_memory_user_state", "user_id", "state"),
        sa.Index("idx_memory_app_state", "app_id", "state"),
        sa.Index("idx_memory_user_app", "user_id", "app_id"))


class Access(Base):
    __tablename__ = "access_controls"
    id = key()
    subject_type = word(**must)
    subject_id = sa.Column(sa.UUID, index=True)
    object_type = word(**must)
    object_id = sa.Column(sa.UUID, index=True)
    effect = word(**must)
    created_at = stamp(default=now, index=True)
    __table_args__ = (
        sa.Index("idx_access_subject", "subject_type", "subject_id"),
        sa.Index("idx_access_object", "object_type", "object_id"))


class Policy(Base):
    __tablename__ = "archive_policies"
    id = key()
    criteria_type = word(**must)
    criteria_id = sa.Column(sa.UUID, index=True)
    days_to_archive = sa.Column(sa.Integer, nullable=False)
    created_at = stamp(default=now, index=True)
    __table_args__ = (sa.Index("idx_policy_criteria", "criteria_type", "criteria_id"),)


class History(Base):
    __tablename__ = "memory_status_history"
    id = key()
    memory_id = to("memories")
    changed_by = to("users")
    old_state = sa.Column(sa.Enum(State, name="memorystate"), **must)
    new_state = sa.Column(sa.Enum(State, name="memorystate"), **must)
    changed_at = stamp(default=now, index=True)
    __table_args__ = (
        sa.Index("idx_history_memory_state", "memory_id", "new_state"),
        sa.Index("idx_history_user_time", "changed_by", "changed_at"))


class Log(Base):
    __tablename__ = "memory_access_logs"
    id = key()
    memory_id = to("memories")
    app_id = to("apps")
    accessed_at = stamp(default=now, index=True)
    access_type = word(**must)
    extra = extra()
    __table_args__ = (
        sa.Index("idx_access_memory_time", "memory_id", "accessed_at"),
        sa.Index("idx_access_app_time", "app_id", "accessed_at"))


def write(db):
    users = [User(user_id="ada", name="Ada", email="a@example.org"), User(user_id="bob \u2603", extra=None)]
    db.add_all(users)
    db.flush()
    apps = [App(owner_id=u.id, name=n, is_active=n != "old") for u in users for n in ("openmemory", "old")]
    categories = [Category(name=n, description=d) for n, d in (("work", None), ("\u00fc \U0001f600", "d"))]
    db.add_all(apps + categories)
    db.flush()
    for i in range(40):
        m = Memory(user_id=users[i % 2].id, app_id=apps[i % 4].id, content="memory %d \u2603\x7f\u2028\n" % i, state=list(State)[i % 4],
                   extra=[{}, None, {"n": [1.0, 2, None], "t": "\u00e9\U0001f600"}, {"": {"deep": True}}][i % 4])
        if m.state is State.archived:
            m.archived_at = now()
        if m.state is State.deleted:
            m.deleted_at = now()
        m.categories = categories[:i % 3]
        db.add(m)
        db.flush()
        db.add(History(memory_id=m.id, changed_by=m.user_id, old_state=State.deleted, new_state=State.active))
        db.add(Log(memory_id=m.id, app_id=m.app_id, access_type="search", extra={"query": "q\u00fc", "score": 0.1 * i, "hash": None}))
        db.add(Access(subject_type="app", subject_id=m.app_id, object_type="memory", object_id=m.id if i % 2 else None, effect="allow"))
    db.add(Policy(criteria_type="app", criteria_id=apps[0].id, days_to_archive=30))
    db.add(Policy(criteria_type="global", days_to_archive=90))
    db.commit()


def plain(v):
    if isinstance(v, enum.Enum):
        return v.name
    return str(v) if isinstance(v, (uuid.UUID, datetime.datetime)) else v


def read(db):
    out = {}
    for mapper in Base.registry.mappers:
        rows = [{a.key: plain(getattr(row, a.key)) for a in mapper.column_attrs} for row in db.scalars(sa.select(mapper.class_))]
        out[mapper.local_table.name] = sorted(rows, key=lambda row: row["id"])
    for m, row in zip(sorted(db.scalars(sa.select(Memory)), key=lambda m: str(m.id)), out["memories"]):
        row["user"], row["app"], row["owner"] = m.user.user_id, m.app.name, m.app.owner.user_id
        row["categories"] = sorted(c.name for c in m.categories)
    print(json.dumps(out))


def remember(db):
    user = db.scalars(sa.select(User).where(User.user_id == "default_user")).one()
    app = db.scalars(sa.select(App).where(App.owner_id == user.id, App.name == "openmemory")).one()
    for m in db.scalars(sa.select(Memory).where(Memory.user_id == user.id, Memory.state == State.active).limit(1)):
        m.content, m.state = "the product wrote this", State.paused
        db.add(History(memory_id=m.id, changed_by=user.id, old_state=State.active, new_state=State.paused))
    db.add(Memory(user_id=user.id, app_id=app.id, content="a badger"))
    db.commit()


mode, url = sys.argv[1:]
engine = sa.create_engine(url)
Base.metadata.create_all(engine)  # as the product does whenever it starts
with Session(engine) as session:
    {"write": write, "read": read, "remember": remember}[mode](session)
