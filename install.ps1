# Installs service-manager for you from a release: downloads it, compares it with the release's SHA256SUMS, and puts the program
# into one folder that it adds to your PATH.
#
#   install.ps1 [-Version VERSION] [-Folder FOLDER]     install, or replace another version
#   install.ps1 -Uninstall [-Folder FOLDER]             remove what it has installed, and nothing else
#
# It follows the documentation of PowerShell and was not tried: no PowerShell can be had where this was written.
#
# Without -Folder: %LOCALAPPDATA%\Programs\service-manager. SERVICE_MANAGER_RELEASES names a mirror of the releases, https:// or file:///.
[CmdletBinding()]
param(
    [string]$Version = '2.0.0',
    [string]$Folder = (Join-Path $env:LOCALAPPDATA 'Programs\service-manager'),
    [switch]$Uninstall
)
Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
# Windows PowerShell draws its progress so slowly that downloads take ten times as long.
$ProgressPreference = 'SilentlyContinue'

function Stop-With([string]$Message, [string]$Hint) {
    [Console]::Error.WriteLine("error: $Message")
    if ($Hint) { [Console]::Error.WriteLine("hint: $Hint") }
    exit 1
}

function Get-Release([string]$Path, [string]$To) {
    # A placeholder until the project has a place of its own.
    $releases = if ($env:SERVICE_MANAGER_RELEASES) { $env:SERVICE_MANAGER_RELEASES } else { 'https://service-manager.example/releases' }
    if ($releases -notmatch '^(https://|file:///)') {
        Stop-With "SERVICE_MANAGER_RELEASES is '$releases', which is neither https:// nor file:///"
    }
    [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
    $client = New-Object Net.WebClient
    try { $client.DownloadFile("$releases/$Path", $To) }
    catch { Stop-With "$Path could not be downloaded from ${releases}: $($_.Exception.InnerException.Message)" 'look which versions there are, and name one with -Version' }
    finally { $client.Dispose() }
}

# Changes the PATH of the user, where nothing else of it is expanded or lost.
function Update-Path([scriptblock]$Change) {
    $key = [Microsoft.Win32.Registry]::CurrentUser.OpenSubKey('Environment', $true)
    try {
        $old = [string]$key.GetValue('Path', '', 'DoNotExpandEnvironmentNames')
        $parts = @($old -split ';' | Where-Object { $_ -and $_ -ne $Folder })
        $key.SetValue('Path', ((& $Change $parts) -join ';'), 'ExpandString')
    }
    finally { $key.Dispose() }
}

function Install-Program {
    if ($Version -notmatch '^v?[0-9A-Za-z][0-9A-Za-z.+-]*$' -or $Version.Contains('..')) { Stop-With "'$Version' is no version" 'name one like 2.0.0' }
    $number = $Version -replace '^v', ''
    if (-not [Environment]::Is64BitOperatingSystem) { Stop-With 'there is no build for 32 bits' }
    $name = "service-manager-$number-x86_64-pc-windows-gnu"
    $work = Join-Path ([IO.Path]::GetTempPath()) ([IO.Path]::GetRandomFileName())
    New-Item -ItemType Directory -Path $work | Out-Null
    try {
        Get-Release "v$number/SHA256SUMS" "$work\SHA256SUMS"
        $expected = Get-Content "$work\SHA256SUMS" | ForEach-Object { if ($_ -match '^([0-9a-f]{64}) [ *](.+)$' -and $Matches[2] -eq "$name.zip") { $Matches[1] } } | Select-Object -First 1
        if (-not $expected) { Stop-With "release $number has no build for x86_64-pc-windows-gnu" }
        Get-Release "v$number/$name.zip" "$work\archive.zip"
        $actual = (Get-FileHash -Algorithm SHA256 "$work\archive.zip").Hash.ToLowerInvariant()
        if ($actual -ne $expected) { Stop-With "$name.zip is not what the release says: SHA-256 $actual, expected $expected; nothing was installed" }
        Expand-Archive -Path "$work\archive.zip" -DestinationPath "$work\content"
        New-Item -ItemType Directory -Force -Path $Folder | Out-Null
        # A program that runs cannot be replaced, but it can be moved aside.
        $program = Join-Path $Folder 'service-manager.exe'
        Remove-Item "$program.old" -ErrorAction SilentlyContinue
        if (Test-Path $program) { Move-Item -Force $program "$program.old" }
        Copy-Item "$work\content\$name\bin\service-manager.exe" $program
        Remove-Item "$program.old" -ErrorAction SilentlyContinue
        Update-Path { param($parts) @($parts) + $Folder }
        [Console]::Error.WriteLine("service-manager $number is now $program, verified by SHA-256; open a new terminal to have it on your PATH")
    }
    finally { Remove-Item -Recurse -Force $work }
}

function Uninstall-Program {
    $program = Join-Path $Folder 'service-manager.exe'
    if (-not (Test-Path $program)) { Stop-With "there is no $program" 'name the folder with -Folder' }
    Remove-Item $program, "$program.old" -ErrorAction SilentlyContinue
    if (-not (Get-ChildItem $Folder)) { Remove-Item $Folder }
    Update-Path { param($parts) $parts }
    [Console]::Error.WriteLine("removed $program. What it knows of machines is kept")
}

if ($Uninstall) { Uninstall-Program } else { Install-Program }
