"""Tables in files, read and written row by row whatever their length: CSV and XLSX.

Both readers hold a few hundred kilobytes in memory at most and refuse what is hostile with SheetError.
"""
