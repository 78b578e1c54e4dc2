"""interim"""

from contextlib import contextmanager

import numpy as np
import pandas as pd

from sim.studies import folder


class Store:
    def __init__(self, partial, out):
        self.partial, self.out = partial, out

    @classmethod
    @contextmanager
    def open(cls, out, stamp, *, overwrite=False):
        yield cls(folder.begin(out, stamp, overwrite=overwrite), out)

    def finished(self):
        return {p.name for p in (self.partial / "parts").iterdir()}

    def put(self, name, arrays, tables):
        d = self.partial / "parts" / (name + ".torn")
        d.mkdir()
        np.savez(d / "arrays.npz", **arrays)
        for n, t in tables.items():
            t.to_parquet(d / f"{n}.parquet", index=False)
        d.replace(self.partial / "parts" / name)

    def get(self, name):
        d = self.partial / "parts" / name
        with np.load(d / "arrays.npz") as z:
            arrays = dict(z)
        return arrays, {p.stem: pd.read_parquet(p) for p in d.glob("*.parquet")}

    def finish(self, tables, text, result):
        from sim.studies.batch import station_table

        series = map(station_table, result.scenario.weekly.recorded)
        for name in (*folder.TABLES, *series):
            folder.write_table(self.partial, name, tables[name])
        folder.write_text(self.partial / folder.SCENARIO, text)
        folder.write_json(self.partial / folder.PROFILE, result.profile)
        folder.write_json(self.partial / folder.SUMMARY, result.summary())
        folder.write_json(self.partial / folder.PROVENANCE, result.provenance.as_dict())
        folder.finish(self.partial, self.out)
