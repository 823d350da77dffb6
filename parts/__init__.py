"""The catalogue and the ledger of parts in warehouses and vans."""
